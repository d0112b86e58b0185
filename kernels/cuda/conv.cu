/*
 * Convolution and its adjoints, channels-last, as products of tiles (conv.cuh). A picture's results
 * are the same bytes in any batch.
 */
#include <limits.h>

#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/sum.cuh"

#define PART_DEPTH 1024 /* positions that one part of a weight's gradient sums, at least */
#define PARTS_MAX 64

/* Positions, taps and channels are counted in 32 bits. */
static int conv_check(const char *op, ctensor *x, ctensor *w, ctensor *y, struct err *e)
{
    char words[80];
    int64_t depth = tensor_count(w) / w->dim[0], turned = 4 * w->dim[0] * w->dim[1] * w->dim[2];
    if (tensor_count(x) > INT_MAX || tensor_count(y) > INT_MAX || tensor_count(w) > INT_MAX ||
        depth > INT_MAX - DEPTH || turned > INT_MAX - DEPTH)
        return err_set(e, ERR_TOO_LARGE, "%s of %s: more than %d numbers", op,
                       tensor_describe(x, words, sizeof words), INT_MAX);
    return 0;
}

static conv_shape shape_of(const struct backend_conv *how, ctensor *x, ctensor *w, ctensor *y)
{
    return { (int)x->dim[0], (int)x->dim[1], (int)x->dim[2], (int)x->dim[3], (int)y->dim[1],
             (int)y->dim[2], (int)y->dim[3], (int)w->dim[1], (int)w->dim[2], how->stride,
             how->pad.top,   how->pad.left,  how->doubled };
}

int cuda_conv(void *ctx, const struct backend_conv *how, ctensor *x, ctensor *w, ctensor *bias,
              struct tensor *y, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    if (CUDA_ALL_F32("conv", e, x, w, bias, y) || conv_check("conv", x, w, y, e))
        return -1;
    conv_shape s = shape_of(how, x, w, y);
    int depth = s.kernel_height * s.kernel_width * s.in;
    gathered_lines<taps_forward> pixels = {
        { s }, floats(x), s.in, whole_lines(x->data, s.in, s.in)
    };
    stored_lines weights = { stored_at(floats(w), s.out, depth, depth) };
    tile_result to = { floats(y), (int)tensor_rows(y), s.out, floats(bias), false };
    launch_tiles(c, pixels, weights, depth, 1, to);
    return cuda_launched("conv", x, e);
}

int cuda_conv_bwd_data(void *ctx, const struct backend_conv *how, ctensor *dy, ctensor *w,
                       struct tensor *dx, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    if (CUDA_ALL_F32("conv_bwd_data", e, dy, w, dx) || conv_check("conv_bwd_data", dx, w, dy, e))
        return -1;
    conv_shape s = shape_of(how, dx, w, dy);
    int taps = s.kernel_height * s.kernel_width, depth = (taps * s.out) << (2 * s.doubling);
    gathered_lines<taps_backward> gradients = {
        { s }, floats(dy), s.out, whole_lines(dy->data, s.out, s.out)
    };
    turned_weights weights = {
        floats(w), s.out, taps, s.in, depth, whole_lines(w->data, s.in, s.in)
    };
    tile_result to = { floats(dx), (int)tensor_rows(dx), s.in, NULL, true };
    launch_tiles(c, gradients, weights, depth, 1, to);
    return cuda_launched("conv_bwd_data", dx, e);
}

/* Into how many parts the positions are cut: by the shapes alone. */
static int weight_parts(int64_t positions, int64_t weights)
{
    int64_t parts = least(positions / PART_DEPTH, least(CUDA_SCRATCH_FLOATS / weights, PARTS_MAX));
    return parts > 1 ? (int)parts : 1;
}

int cuda_conv_bwd_weight(void *ctx, const struct backend_conv *how, ctensor *x, ctensor *dy,
                         struct tensor *dw, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    if (CUDA_ALL_F32("conv_bwd_weight", e, x, dy, dw) ||
        conv_check("conv_bwd_weight", x, dw, dy, e))
        return -1;
    conv_shape s = shape_of(how, x, dw, dy);
    int positions = (int)tensor_rows(dy), n = (int)tensor_count(dw);
    int parts = weight_parts(positions, n);
    stored_columns gradients = { stored_at(floats(dy), positions, s.out, s.out) };
    gathered_columns pixels = { { s }, floats(x), s.in, whole_lines(x->data, s.in, s.in) };
    tile_result to = { parts > 1 ? (float *)c->scratch : floats(dw), s.out, n / s.out, NULL,
                       parts == 1 };
    launch_tiles(c, gradients, pixels, positions, parts, to);
    if (parts == 1)
        return cuda_launched("conv_bwd_weight", x, e);
    add_parts_each<float> add = { to.y, parts, n, n, floats(dw) };
    return cuda_each(ctx, "conv_bwd_weight", x, n, add, e);
}
