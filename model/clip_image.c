/*
 * CLIP's image tower: patches of the picture, a class token in front, a transformer; the class
 * token's last state is the picture's feature.
 */
#include "model/clip.h"

#define EPS 1e-5f

/* pixels [B, S, S, 3] -> [B, n, W], one row a patch, row by row */
static struct tensor *embed_patches(struct pass *p, const struct clip *m,
                                    const struct tensor *pixels)
{
    const struct clip_config *c = &m->config;
    int grid = c->image.size / c->image.patch;
    struct tensor *x = op_conv2d(p, pixels, m->patch, NULL, c->image.patch, (struct conv_pad){ 0 });

    return op_reshape(p, x, 3, (int64_t[]){ -1, (int64_t)grid * grid, c->image.width });
}

/* The class token once a picture -> [B, 1, W] */
static struct tensor *class_tokens(struct pass *p, const struct clip *m, int64_t batch)
{
    struct tensor *x = op_repeat(p, m->class_embedding, batch);

    return op_reshape(p, x, 3, (int64_t[]){ batch, 1, m->config.image.width });
}

struct tensor *clip_image(struct pass *p, const struct clip *m, const struct tensor *pixels)
{
    const struct clip_config *c = &m->config;
    enum nn_mlp mlp = c->quick_gelu ? NN_QUICK_GELU : NN_GELU;
    struct tensor *x = embed_patches(p, m, pixels);

    if (!x)
        return NULL;
    x = op_concat(p, class_tokens(p, m, x->dim[0]), x, 1); /* [B, 1 + n, W] */
    x = op_add(p, x, m->image_positions);
    x = nn_layernorm(p, &m->ln_pre, x, EPS);
    for (int i = 0; i < c->image.layers; i++)
        x = nn_block(p, &m->image_blocks[i], x, c->image.heads, false, mlp, 0, NULL, i);
    x = op_reshape(p, op_slice(p, x, 1, 0, 1), 2, (int64_t[]){ -1, c->image.width }); /* [B, W] */
    x = nn_layernorm(p, &m->ln_post, x, EPS);
    return nn_project(p, m->image_proj, x); /* [B, E] */
}
