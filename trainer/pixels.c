#include "trainer/pixels.h"

struct tensor *pixels_for_vqgan(struct pass *p, const struct tensor *u8)
{
    const float mul[3] = { 1 / 127.5f, 1 / 127.5f, 1 / 127.5f }, add[3] = { -1, -1, -1 };
    return op_pixels_in(p, u8, mul, add);
}

struct tensor *pixels_for_clip(struct pass *p, const struct clip_config *c, const struct tensor *u8)
{
    float mul[3], add[3];
    clip_pixel_scale(c, mul, add);
    struct tensor *x = op_pixels_in(p, u8, mul, add);
    if (!x || x->dim[1] == c->image.size)
        return x;
    return op_resize(p, x, c->image.size, c->image.size, c->bilinear ? OP_BILINEAR : OP_BICUBIC,
                     true);
}
