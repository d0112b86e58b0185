#include "kernels/op_impl.h"

/* One multiply and one add for every output value and weight of its channel. */
static void count_flops(struct pass *p, const struct tensor *y, const struct tensor *w)
{
    p->flops += 2.0 * (double)tensor_count(y) * (double)tensor_count(w) / (double)w->dim[0];
}

static void conv_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *x = node->in[0], *w = node->in[1], *b = node->in[2];
    const struct tensor *dy = node->out->grad;
    const int64_t *n = node->iarg;
    struct backend_conv how = { (int)n[0], { (int)n[1], (int)n[2], (int)n[3], (int)n[4] }, n[5] };
    struct tensor *dw = tape_grad(p, w), *db = tape_grad(p, b), *dx = tape_grad(p, x);
    struct tensor dy_rows = op_as_rows(dy);
    if (dw) {
        CALL(p, conv_bwd_weight, &how, x, dy, dw);
        count_flops(p, dy, w);
    }
    if (db)
        CALL(p, bias_bwd, &dy_rows, db);
    if (dx) {
        CALL(p, conv_bwd_data, &how, dy, w, dx);
        count_flops(p, dy, w);
    }
}

/* residual NULL: none. */
static void run_conv(struct pass *p, const struct backend_conv *how, const struct tensor *x,
                     const struct tensor *w, const struct tensor *b, const struct tensor *residual,
                     struct tensor *y)
{
    const struct device *dev = op_device(p);
    bool one_pass = dev && residual && dev->backend->conv_add;
    if (one_pass) {
        CALL(p, conv_add, how, x, w, b, residual, y);
        return;
    }
    CALL(p, conv, how, x, w, b, y);
    if (residual)
        CALL(p, axpy, 1.0f, residual, y);
}

/* y: of the right shape, or NULL after a failure. */
static struct tensor *conv(struct pass *p, const struct backend_conv *how, const struct tensor *x,
                           const struct tensor *w, const struct tensor *b,
                           const struct tensor *residual, struct tensor *y)
{
    run_conv(p, how, x, w, b, residual, y);
    if (y)
        count_flops(p, y, w);
    struct tape_node *node = RECORD(p, conv_adjoint, y, x, w, b);
    if (node) {
        node->iarg[0] = how->stride;
        node->iarg[1] = how->pad.top;
        node->iarg[2] = how->pad.left;
        node->iarg[3] = how->pad.bottom;
        node->iarg[4] = how->pad.right;
        node->iarg[5] = how->doubled;
    }
    return op_result(p, y);
}

static struct tensor *conv2d(struct pass *p, const char *op, const struct tensor *x,
                             const struct tensor *w, const struct tensor *b, int stride,
                             struct conv_pad pad, const struct tensor *residual)
{
    if (x->n_dims != 4 || w->n_dims != 4 || x->dim[3] != w->dim[3])
        return op_misfit(p, op, x, w, "x [B, H, W, I] and w [O, kh, kw, I] must agree in I");
    if (b && !op_is_vector(b, w->dim[0]))
        return op_misfit(p, op, w, b, "w [O, kh, kw, I] and bias f32 [O] must agree in O");
    int64_t h = x->dim[1] + pad.top + pad.bottom - w->dim[1];
    int64_t v = x->dim[2] + pad.left + pad.right - w->dim[2];
    if (stride < 1 || h < 0 || v < 0)
        return op_misfit(p, op, x, w, "the padded picture must hold the kernel, stride at least 1");
    int64_t dim[4] = { x->dim[0], h / stride + 1, v / stride + 1, w->dim[0] };
    if (residual && !op_is(residual, DTYPE_F32, 4, dim))
        return op_misfit(p, op, residual, w, "the residual must be [B, H', W', O] as the result");
    struct backend_conv how = { stride, pad, false };
    return conv(p, &how, x, w, b, residual, op_new(p, 4, dim));
}

struct tensor *op_conv2d(struct pass *p, const struct tensor *x, const struct tensor *w,
                         const struct tensor *b, int stride, struct conv_pad pad)
{
    return INPUTS(p, x, w) ? conv2d(p, __func__, x, w, b, stride, pad, NULL) : NULL;
}

struct tensor *op_conv2d_add(struct pass *p, const struct tensor *x, const struct tensor *w,
                             const struct tensor *b, int stride, struct conv_pad pad,
                             const struct tensor *residual)
{
    if (RECORDS(p, x, w, b, residual))
        return op_add(p, residual, op_conv2d(p, x, w, b, stride, pad));
    return INPUTS(p, x, w, residual) ? conv2d(p, __func__, x, w, b, stride, pad, residual) : NULL;
}

struct tensor *op_upsample2x_conv2d(struct pass *p, const struct tensor *x, const struct tensor *w,
                                    const struct tensor *b)
{
    if (!INPUTS(p, x, w))
        return NULL;
    if (x->n_dims != 4 || !op_is(w, DTYPE_F32, 4, (int64_t[]){ w->dim[0], 3, 3, x->dim[3] }))
        return MISFIT(p, x, w, "must be x [B, H, W, I] and w [O, 3, 3, I]");
    if (b && !op_is_vector(b, w->dim[0]))
        return MISFIT(p, w, b, "w [O, 3, 3, I] and bias f32 [O] must agree in O");
    int64_t dim[4] = { x->dim[0], 2 * x->dim[1], 2 * x->dim[2], w->dim[0] };
    struct backend_conv how = { 1, { 1, 1, 1, 1 }, true };
    return conv(p, &how, x, w, b, NULL, op_new(p, 4, dim));
}

static void resize_adjoint(struct pass *p, struct tape_node *node)
{
    struct tensor *dx = tape_grad(p, node->in[0]);
    if (dx)
        CALL(p, resize_bwd, node->out->grad, (enum op_filter)node->iarg[0], node->iarg[1] != 0, dx);
}

struct tensor *op_resize(struct pass *p, const struct tensor *x, int h, int w,
                         enum op_filter filter, bool antialias)
{
    if (!INPUTS(p, x))
        return NULL;
    if (x->n_dims != 4 || h < 1 || w < 1)
        return MISFIT(p, x, NULL, "must be [B, H, W, C], resized to at least 1x1");
    struct tensor *y = pass_tensor(p, DTYPE_F32, 4, (int64_t[]){ x->dim[0], h, w, x->dim[3] });
    CALL(p, resize, x, filter, antialias, y);
    struct tape_node *node = RECORD(p, resize_adjoint, y, x);
    if (node) {
        node->iarg[0] = filter;
        node->iarg[1] = antialias;
    }
    return op_result(p, y);
}

struct tensor *op_pixels_in(struct pass *p, const struct tensor *u8, const float mul[3],
                            const float add[3])
{
    if (pass_failed(p))
        return NULL;
    if (!u8)
        return pass_fail(p, ERR_INTERNAL, "op_pixels_in: input 1 is missing");
    if (u8->dtype != DTYPE_U8 || u8->n_dims != 4 || u8->dim[3] != 3)
        return MISFIT(p, u8, NULL, "must be u8 [B, H, W, 3]");
    struct tensor *y = op_like(p, u8);
    CALL(p, pixels_in, u8, mul, add, y);
    return op_result(p, y);
}

struct tensor *op_pixels_out(struct pass *p, const struct tensor *x)
{
    if (!INPUTS(p, x))
        return NULL;
    if (x->n_dims != 4 || x->dim[3] != 3)
        return MISFIT(p, x, NULL, "must be [B, H, W, 3]");
    struct tensor *y = pass_tensor(p, DTYPE_U8, 4, x->dim);
    CALL(p, pixels_out, x, y);
    return op_result(p, y);
}
