/*
 * Which way a convolution goes. Only the layer decides, never batch or threads: a picture's result
 * is the same in any company.
 */
#include "kernels/cpu/conv.h"

#include "kernels/cpu/check.h"
#include "kernels/cpu/winograd_conv.h"

#define TAPS WINOGRAD_TAPS

/* Winograd for 3x3 at stride 1: larger cells, unless their weights outgrow the memory they have;
 * NULL: none fits. */
static const struct winograd *form_of(ctensor *w, int stride, int64_t depth, int64_t n)
{
    if (w->dim[1] != 3 || w->dim[2] != 3 || stride != 1)
        return NULL;
    if (CPU(winograd_fits)(&CPU(winograd_4x4), depth, n))
        return &CPU(winograd_4x4);
    return CPU(winograd_fits)(&CPU(winograd_2x2), depth, n) ? &CPU(winograd_2x2) : NULL;
}

/* The same for the adjoint to the weights, which has other needs. */
static const struct winograd *weight_form_of(ctensor *dw, int stride)
{
    int64_t in = dw->dim[3], out = dw->dim[0];
    if (dw->dim[1] != 3 || dw->dim[2] != 3 || stride != 1)
        return NULL;
    if (CPU(winograd_weight_fits)(&CPU(winograd_4x4), in, out))
        return &CPU(winograd_4x4);
    return CPU(winograd_weight_fits)(&CPU(winograd_2x2), in, out) ? &CPU(winograd_2x2) : NULL;
}

static struct winograd_conv forward(const struct winograd *form, ctensor *x, ctensor *w,
                                    ctensor *bias, struct conv_pad pad, struct tensor *y)
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

/* dx is the convolution of dy with the kernel turned round. */
static struct winograd_conv backward(const struct winograd *form, ctensor *dy, ctensor *w,
                                     struct conv_pad pad, struct tensor *dx)
{
    struct winograd_conv v = {
        .form = form,
        .source = strip_source(dy),
        .top = 2 - pad.top,
        .left = 2 - pad.left,
        .y = dx->data,
        .out_height = dx->dim[1],
        .out_width = dx->dim[2],
        .n = dx->dim[3],
        .w = w->data,
        .k_step = TAPS * dx->dim[3],
        .j_step = 1,
        .add = true,
    };
    for (int64_t t = 0; t < TAPS; t++)
        v.tap[t] = (TAPS - 1 - t) * dx->dim[3];
    return v;
}

int CPU(conv)(void *ctx, ctensor *x, ctensor *w, ctensor *bias, int stride, struct conv_pad pad,
              struct tensor *y, struct err *e)
{
    if (CPU_ALL_F32("conv", e, x, w, bias, y))
        return -1;
    const struct winograd *form = form_of(w, stride, x->dim[3], y->dim[3]);
    if (!form)
        return CPU(taps_conv)(ctx, x, w, bias, stride, pad, y, e);
    struct winograd_conv v = forward(form, x, w, bias, pad, y);
    CPU(winograd_run)(ctx, &v);
    return 0;
}

int CPU(conv_bwd_data)(void *ctx, ctensor *dy, ctensor *w, int stride, struct conv_pad pad,
                       struct tensor *dx, struct err *e)
{
    if (CPU_ALL_F32("conv_bwd_data", e, dy, w, dx))
        return -1;
    const struct winograd *form = form_of(w, stride, dy->dim[3], dx->dim[3]);
    if (!form)
        return CPU(taps_bwd_data)(ctx, dy, w, stride, pad, dx, e);
    struct winograd_conv v = backward(form, dy, w, pad, dx);
    CPU(winograd_run)(ctx, &v);
    return 0;
}

int CPU(conv_bwd_weight)(void *ctx, ctensor *x, ctensor *dy, int stride, struct conv_pad pad,
                         struct tensor *dw, struct err *e)
{
    if (CPU_ALL_F32("conv_bwd_weight", e, x, dy, dw))
        return -1;
    const struct winograd *form = weight_form_of(dw, stride);
    if (!form)
        return CPU(windows_weight)(ctx, x, dy, stride, pad, dw, e);
    CPU(winograd_weight)(ctx, form, x, dy, pad, dw);
    return 0;
}
