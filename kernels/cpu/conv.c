/*
 * Which way a convolution goes. Only the layer decides, never batch or threads: a picture's result
 * is the same in any company.
 */
#include "kernels/cpu/conv.h"

#include "kernels/cpu/check.h"
#include "kernels/cpu/winograd_conv.h"

#define TAPS WINOGRAD_TAPS

typedef bool fits(const struct winograd *form, int64_t depth, int64_t n);

/* Winograd for 3x3 at stride 1: of a doubled picture in its own form, else the larger cells, unless
 * they outgrow the memory they have. NULL: none fits. */
static const struct winograd *form_of(const struct backend_conv *how, ctensor *w, fits *fit,
                                      int64_t depth, int64_t n)
{
    if (w->dim[1] != 3 || w->dim[2] != 3 || how->stride != 1)
        return NULL;
    if (how->doubled)
        return fit(&CPU(winograd_doubled), depth, n) ? &CPU(winograd_doubled) : NULL;
    if (fit(&CPU(winograd_4x4), depth, n))
        return &CPU(winograd_4x4);
    return fit(&CPU(winograd_2x2), depth, n) ? &CPU(winograd_2x2) : NULL;
}

static struct winograd_conv forward(const struct winograd *form, struct conv_pad pad, ctensor *x,
                                    ctensor *w, ctensor *bias, struct tensor *y)
{
    struct winograd_conv v = {
        .form = form,
        .source = strip_source(x),
        .top = pad.top,
        .left = pad.left,
        .y = y->data,
        .out_height = y->dim[1],
        .out_width = y->dim[2],
        .n = y->dim[3],
        .w = w->data,
        .k_step = 1,
        .j_step = TAPS * x->dim[3],
        .bias = bias ? bias->data : NULL,
    };
    for (int64_t t = 0; t < TAPS; t++)
        v.tap[t] = t * x->dim[3];
    return v;
}

/* dx is the convolution of dy with the kernel turned round; from a doubled picture, the adjoint
 * form of its own, with the kernel as it is. */
static struct winograd_conv backward(const struct winograd *form, const struct backend_conv *how,
                                     ctensor *dy, ctensor *w, struct tensor *dx)
{
    struct winograd_conv v = {
        .form = how->doubled ? &CPU(winograd_halved) : form,
        .source = strip_source(dy),
        .top = how->doubled ? 1 : 2 - how->pad.top,
        .left = how->doubled ? 1 : 2 - how->pad.left,
        .y = dx->data,
        .out_height = dx->dim[1],
        .out_width = dx->dim[2],
        .n = dx->dim[3],
        .w = w->data,
        .k_step = TAPS * dx->dim[3],
        .j_step = 1,
        .plus = dx->data,
    };
    for (int64_t t = 0; t < TAPS; t++)
        v.tap[t] = (how->doubled ? t : TAPS - 1 - t) * dx->dim[3];
    return v;
}

int CPU(conv)(void *ctx, const struct backend_conv *how, ctensor *x, ctensor *w, ctensor *bias,
              struct tensor *y, struct err *e)
{
    return CPU(conv_add)(ctx, how, x, w, bias, NULL, y, e);
}

/* Winograd adds the residual where it writes a result; other ways let it follow. */
int CPU(conv_add)(void *ctx, const struct backend_conv *how, ctensor *x, ctensor *w, ctensor *bias,
                  ctensor *residual, struct tensor *y, struct err *e)
{
    if (CPU_ALL_F32("conv", e, x, w, bias, residual, y))
        return -1;
    const struct winograd *form = form_of(how, w, CPU(winograd_fits), x->dim[3], y->dim[3]);
    if (form) {
        struct winograd_conv v = forward(form, how->pad, x, w, bias, y);
        v.plus = residual ? residual->data : NULL;
        CPU(winograd_run)(ctx, &v);
        return 0;
    }
    if (CPU(taps_conv)(ctx, how, x, w, bias, y, e))
        return -1;
    return residual ? CPU(axpy)(ctx, 1, residual, y, e) : 0;
}

int CPU(conv_bwd_data)(void *ctx, const struct backend_conv *how, ctensor *dy, ctensor *w,
                       struct tensor *dx, struct err *e)
{
    if (CPU_ALL_F32("conv_bwd_data", e, dy, w, dx))
        return -1;
    const struct winograd *form = form_of(how, w, CPU(winograd_fits), dy->dim[3], dx->dim[3]);
    if (!form)
        return CPU(taps_bwd_data)(ctx, how, dy, w, dx, e);
    struct winograd_conv v = backward(form, how, dy, w, dx);
    CPU(winograd_run)(ctx, &v);
    return 0;
}

int CPU(conv_bwd_weight)(void *ctx, const struct backend_conv *how, ctensor *x, ctensor *dy,
                         struct tensor *dw, struct err *e)
{
    if (CPU_ALL_F32("conv_bwd_weight", e, x, dy, dw))
        return -1;
    const struct winograd *form =
        form_of(how, dw, CPU(winograd_weight_fits), x->dim[3], dy->dim[3]);
    if (form)
        CPU(winograd_weight)(ctx, form, how->pad, x, dy, dw);
    else if (!CPU(rgb_weight)(ctx, how, x, dy, dw))
        return CPU(windows_weight)(ctx, how, x, dy, dw, e);
    return 0;
}
