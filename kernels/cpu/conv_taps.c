/*
 * Convolution of any kernel and stride, and its adjoint to the picture: which taps a position
 * gathers from.
 *
 * To the picture a pixel of dx gathers from dy. With stride s the pixels of dx fall into s * s
 * classes by their position, each with its own taps.
 *
 * Pictures of few channels are copied first, with zeros around: then a line of the kernel never
 * leaves them, and its pixels, which lie side by side, are gathered at once.
 */
#include "kernels/cpu/conv.h"
#include "kernels/cpu/conv_walk.h"
#include "kernels/cpu/strip.h"

#define FEW_CHANNELS 4

static int check_taps(int64_t taps, ctensor *w, struct err *e)
{
    if (taps > WALK_TAPS_MAX)
        return err_set(e, ERR_UNSUPPORTED, "conv: kernel of %lldx%lld, at most %d taps",
                       (long long)w->dim[1], (long long)w->dim[2], WALK_TAPS_MAX);
    return 0;
}

/* ---- pictures of few channels ---- */

static struct strip_source source_of(const struct walk *v)
{
    return (struct strip_source){ v->src, v->batch, v->height, v->width, v->depth };
}

static bool may_surround(const struct walk *v, struct conv_pad pad)
{
    struct strip_source s = source_of(v);
    return !v->doubled && v->depth <= FEW_CHANNELS && CPU(strip_may_surround)(&s, pad);
}

static void surround(const struct cpu *c, struct walk *v, struct conv_pad pad)
{
    struct strip_source s = source_of(v);
    s = CPU(strip_surround)(c, &s, pad);
    v->src = s.x;
    v->height = s.height;
    v->width = s.width;
    for (int64_t t = 0; t < v->taps; t++) {
        v->tap[t].y += pad.top;
        v->tap[t].x += pad.left;
    }
}

/* ---- forward ---- */

static int run(const struct cpu *c, const struct walk *v, struct err *e)
{
    if (!CPU(walk_few_fits)(v))
        return CPU(walk_run)(c, v, e);
    CPU(walk_few)(c, v);
    return 0;
}

/* A line of the kernel never leaves the picture. */
static bool lines_inside(const struct backend_conv *how, ctensor *x, ctensor *w, ctensor *y)
{
    return !how->doubled && how->pad.left == 0 &&
           (y->dim[2] - 1) * how->stride + w->dim[2] <= x->dim[2];
}

int CPU(taps_conv)(const struct cpu *c, const struct backend_conv *how, ctensor *x, ctensor *w,
                   ctensor *bias, struct tensor *y, struct err *e)
{
    int64_t in = x->dim[3], kh = w->dim[1], kw = w->dim[2];
    struct walk v = {
        .batch = y->dim[0],
        .rows = y->dim[1],
        .cols = y->dim[2],
        .src = x->data,
        .height = x->dim[1] << how->doubled,
        .width = x->dim[2] << how->doubled,
        .depth = in,
        .step = how->stride,
        .doubled = how->doubled,
        .dst = y->data,
        .dst_height = y->dim[1],
        .dst_width = y->dim[2],
        .n = y->dim[3],
        .dst_step = 1,
        .w = w->data,
        .g_step = in,
        .k_step = 1,
        .j_step = kh * kw * in,
        .bias = bias ? bias->data : NULL,
    };
    bool copy = may_surround(&v, how->pad);
    v.group = copy || lines_inside(how, x, w, y) ? kw : 1;
    v.taps = kh * kw / v.group;
    if (check_taps(v.taps, w, e))
        return -1;
    for (int64_t t = 0; t < v.taps; t++)
        v.tap[t] = (struct walk_tap){ t * v.group / kw - how->pad.top,
                                      t * v.group % kw - how->pad.left, t * v.group * in };
    if (copy)
        surround(c, &v, how->pad);
    return run(c, &v, e);
}

/* ---- to the picture ---- */

/* The taps through which pixels of class y, x of dx (their coordinates modulo stride) went: output
 * position (y + top - ky) / stride, where that is whole; from left to right. */
static void class_taps(struct walk *v, const struct backend_conv *how, ctensor *w)
{
    v->taps = 0;
    for (int64_t ky = 0; ky < w->dim[1]; ky++)
        for (int64_t kx = w->dim[2] - 1; kx >= 0; kx--) {
            int64_t y = v->dst_y + how->pad.top - ky, x = v->dst_x + how->pad.left - kx;
            if (y % how->stride || x % how->stride)
                continue;
            v->tap[v->taps++] = (struct walk_tap){ y / how->stride, x / how->stride,
                                                   (ky * w->dim[2] + kx) * w->dim[3] };
        }
}

/* At stride 1 from a picture of few channels: a tap for each line of the kernel. */
static bool group_lines(const struct cpu *c, struct walk *v, const struct backend_conv *how,
                        ctensor *w)
{
    int kh = (int)w->dim[1] - 1, kw = (int)w->dim[2] - 1;
    struct conv_pad p = how->pad, pad = { kh - p.top, kw - p.left, kh - p.bottom, kw - p.right };
    if (how->stride != 1 || !may_surround(v, pad))
        return false;
    v->group = kw + 1;
    v->g_step = -w->dim[3];
    v->taps = kh + 1;
    for (int ky = 0; ky <= kh; ky++)
        v->tap[ky] =
            (struct walk_tap){ p.top - ky, p.left - kw, (ky * (int64_t)v->group + kw) * w->dim[3] };
    surround(c, v, pad);
    return true;
}

static int bwd_by_classes(const struct cpu *c, struct walk *v, const struct backend_conv *how,
                          ctensor *w, struct err *e)
{
    int64_t stride = how->stride;
    v->step = 1;
    v->dst_step = stride;
    for (int64_t i = 0; i < stride * stride; i++) {
        v->dst_y = i / stride;
        v->dst_x = i % stride;
        v->rows = (v->dst_height - v->dst_y + stride - 1) / stride;
        v->cols = (v->dst_width - v->dst_x + stride - 1) / stride;
        if (!group_lines(c, v, how, w))
            class_taps(v, how, w);
        if (v->taps && walk_positions(v) > 0 && run(c, v, e))
            return -1;
    }
    return 0;
}

/* A doubled picture's pixel y went through every tap from 2y and 2y + 1. */
static int bwd_doubled(const struct cpu *c, struct walk *v, const struct backend_conv *how,
                       ctensor *w, struct err *e)
{
    v->step = 2;
    v->dst_step = 1;
    v->rows = v->dst_height;
    v->cols = v->dst_width;
    for (int64_t i = 0; i < 4; i++)
        for (int64_t t = 0; t < w->dim[1] * w->dim[2]; t++)
            v->tap[v->taps++] =
                (struct walk_tap){ i / 2 + how->pad.top - t / w->dim[2],
                                   i % 2 + how->pad.left - t % w->dim[2], t * w->dim[3] };
    return run(c, v, e);
}

int CPU(taps_bwd_data)(const struct cpu *c, const struct backend_conv *how, ctensor *dy, ctensor *w,
                       struct tensor *dx, struct err *e)
{
    int64_t kh = w->dim[1], kw = w->dim[2], stride = how->stride;
    int64_t per_class = (kh + stride - 1) / stride * ((kw + stride - 1) / stride);
    if (check_taps(how->doubled ? 4 * kh * kw : per_class, w, e))
        return -1;
    struct walk v = {
        .batch = dx->dim[0],
        .src = dy->data,
        .height = dy->dim[1],
        .width = dy->dim[2],
        .depth = dy->dim[3],
        .dst = dx->data,
        .dst_height = dx->dim[1],
        .dst_width = dx->dim[2],
        .n = dx->dim[3],
        .w = w->data,
        .k_step = kh * kw * w->dim[3],
        .j_step = 1,
        .group = 1,
        .add = true,
    };
    return how->doubled ? bwd_doubled(c, &v, how, w, e) : bwd_by_classes(c, &v, how, w, e);
}
