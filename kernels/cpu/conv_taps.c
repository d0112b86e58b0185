/*
 * Convolution of any kernel and stride, without a matrix of windows: tile.h multiplies rows that
 * lie wherever pointers say, and here the pointers go to the pixels under each tap of the kernel,
 * or to zeros beside the picture.
 *
 * The adjoint to the data is the same with other taps: a pixel of dx gathers from dy. With stride s
 * the pixels of dx fall into s * s classes by their position, each with its own taps.
 *
 * Scratch: the packed weights are in thread 0's, zeros behind them.
 */
#include <string.h>

#include "kernels/cpu/conv.h"
#include "kernels/cpu/panel.h"

#define TAPS_MAX 64
/* Positions of one task, of one panel of columns. */
#define TASK_POSITIONS 64

/* From a tap to its pixel relative to the position, and to its weights. */
struct tap {
    int64_t y, x, weight;
};

/* Positions of a grid [batch, rows, cols] gather from pixels of src and go to pixels of dst. */
struct walk {
    int64_t batch, rows, cols;
    const float *src; /* [batch, height, width, depth]; position y, x looks at y * step, x * step */
    int64_t height, width, depth, step;
    int doubled; /* 1: src is doubled first; height and width are those of the doubled picture */
    float *dst;  /* [batch, dst_height, dst_width, n]; position y, x is y * dst_step + dst_y, ... */
    int64_t dst_height, dst_width, n, dst_step, dst_y, dst_x;
    const float *w; /* of tap t, k, column j: w[t.weight + k * k_step + j * j_step] */
    int64_t k_step, j_step;
    int64_t taps, tap_depth; /* tap_depth: values under one tap, depth or several pixels */
    struct tap tap[TAPS_MAX];
    const float *bias; /* dst is set to bias + product; NULL with `add`: added to */
    bool add;
};

static int64_t positions(const struct walk *v)
{
    return v->batch * v->rows * v->cols;
}

/* Pixel y, x of picture b of src, doubled or not. */
static inline const float *source_pixel(const struct walk *v, int64_t b, int64_t y, int64_t x)
{
    int64_t line = b * (v->height >> v->doubled) + (y >> v->doubled);
    return v->src + (line * (v->width >> v->doubled) + (x >> v->doubled)) * v->depth;
}

/* Pointers of one row of a tile: [taps] of them, TILE_ROWS apart. */
static inline void point_to_window(const struct walk *v, int64_t b, int64_t y, int64_t x,
                                   const float *zeros, const float **at)
{
    for (int64_t t = 0; t < v->taps; t++) {
        int64_t sy = y * v->step + v->tap[t].y, sx = x * v->step + v->tap[t].x;
        bool inside = sy >= 0 && sy < v->height && sx >= 0 && sx < v->width;
        at[t * TILE_ROWS] = inside ? source_pixel(v, b, sy, sx) : zeros;
    }
}

/* Pointers of a tile's rows to what they read and where they go; rows past `count` repeat the last.
 */
static void point_tile(const struct walk *v, int64_t first, int64_t count, const float *zeros,
                       const float **from, float **to)
{
    int64_t x = first % v->cols, y = first / v->cols % v->rows, b = first / v->cols / v->rows;
    for (int64_t i = 0; i < TILE_ROWS; i++) {
        point_to_window(v, b, y, x, zeros, from + i);
        to[i] = v->dst + ((b * v->dst_height + y * v->dst_step + v->dst_y) * v->dst_width +
                          x * v->dst_step + v->dst_x) *
                             v->n;
        if (i + 1 >= count)
            continue;
        if (++x == v->cols) {
            x = 0;
            if (++y == v->rows) {
                y = 0;
                b++;
            }
        }
    }
}

static inline void put_row(const float *restrict sum, int64_t n, const float *restrict bias,
                           bool add, float *restrict to)
{
    if (bias)
        for (int64_t j = 0; j < n; j++)
            to[j] = sum[j] + bias[j];
    else if (add)
        for (int64_t j = 0; j < n; j++)
            to[j] += sum[j];
    else
        memcpy(to, sum, (size_t)n * sizeof *to);
}

/* Positions begin..end against one packed panel, whose first column is j0. */
static void walk_task(const struct walk *v, struct par_range range, const float *panel, int vecs,
                      int64_t j0, int64_t cols, const float *zeros)
{
    const float *from[TAPS_MAX * TILE_ROWS];
    float *to[TILE_ROWS];
    struct tile t;

    for (int64_t p = range.begin; p < range.end; p += TILE_ROWS) {
        int64_t count = par_min(TILE_ROWS, range.end - p);
        point_tile(v, p, count, zeros, from, to);
        tile_rows(vecs, from, v->taps, v->tap_depth, panel, &t);
        for (int64_t i = 0; i < count; i++)
            put_row(t.at[i], cols, v->bias ? v->bias + j0 : NULL, v->add, to[i] + j0);
    }
}

static void pack_weights(const struct walk *v, int64_t j0, int64_t cols, int vecs, float *panel)
{
    for (int64_t t = 0; t < v->taps; t++)
        panel_pack(v->w + v->tap[t].weight + j0 * v->j_step, v->k_step, v->j_step, v->tap_depth,
                   cols, vecs, panel + t * v->tap_depth * vecs * VEC_LANES);
}

/* Panels first..end of the columns, which fit in scratch together. */
static void walk_panels(const struct cpu *c, const struct walk *v, struct panels p, int64_t first,
                        int64_t end)
{
    float *packed = (float *)c->scratch[0];
    const float *zeros = packed + CPU_SCRATCH_FLOATS - v->tap_depth;
    int64_t k = v->taps * v->tap_depth, origin = panel_start(p, first);
    int64_t blocks = (positions(v) + TASK_POSITIONS - 1) / TASK_POSITIONS;

#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = first; i < end; i++)
        pack_weights(v, panel_start(p, i) * VEC_LANES, panel_cols(p, i), panel_vecs(p, i),
                     packed + (panel_start(p, i) - origin) * VEC_LANES * k);
#pragma omp parallel for num_threads(c->threads) schedule(dynamic, 4)
    for (int64_t task = 0; task < blocks * (end - first); task++) {
        int64_t i = first + task % (end - first), block = task / (end - first) * TASK_POSITIONS;
        struct par_range range = { block, par_min(block + TASK_POSITIONS, positions(v)) };
        walk_task(v, range, packed + (panel_start(p, i) - origin) * VEC_LANES * k, panel_vecs(p, i),
                  panel_start(p, i) * VEC_LANES, panel_cols(p, i), zeros);
    }
}

static int walk_run(const struct cpu *c, const struct walk *v, struct err *e)
{
    struct panels p = panels_of(v->n);
    int64_t k = v->taps * v->tap_depth;
    int64_t at_once = k ? (CPU_SCRATCH_FLOATS - v->tap_depth) / (k * TILE_COLS) : 1;
    if (at_once < 1)
        return err_set(e, ERR_UNSUPPORTED, "conv: a window of %lld values, scratch holds %lld",
                       (long long)k, (long long)CPU_SCRATCH_FLOATS / TILE_COLS);
    memset((float *)c->scratch[0] + CPU_SCRATCH_FLOATS - v->tap_depth, 0,
           (size_t)v->tap_depth * sizeof(float));
    for (int64_t i = 0; i < p.count; i += at_once)
        walk_panels(c, v, p, i, par_min(i + at_once, p.count));
    return 0;
}

static int check_taps(int64_t taps, ctensor *w, struct err *e)
{
    if (taps > TAPS_MAX)
        return err_set(e, ERR_UNSUPPORTED, "conv: kernel of %lldx%lld, at most %d taps",
                       (long long)w->dim[1], (long long)w->dim[2], TAPS_MAX);
    return 0;
}

/* A line of the kernel never leaves the picture: its pixels are one tap, as they lie side by side.
 */
static bool lines_inside(const struct backend_conv *how, ctensor *x, ctensor *w, ctensor *y)
{
    return !how->doubled && how->pad.left == 0 &&
           (y->dim[2] - 1) * how->stride + w->dim[2] <= x->dim[2];
}

int CPU(taps_conv)(const struct cpu *c, const struct backend_conv *how, ctensor *x, ctensor *w,
                   ctensor *bias, struct tensor *y, struct err *e)
{
    int64_t in = x->dim[3], kw = w->dim[2];
    int64_t group = lines_inside(how, x, w, y) ? kw : 1;
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
        .k_step = 1,
        .j_step = w->dim[1] * kw * in,
        .taps = w->dim[1] * kw / group,
        .tap_depth = group * in,
        .bias = bias ? bias->data : NULL,
    };
    if (check_taps(v.taps, w, e))
        return -1;
    for (int64_t t = 0; t < v.taps; t++)
        v.tap[t] = (struct tap){ t * group / kw - how->pad.top, t * group % kw - how->pad.left,
                                 t * v.tap_depth };
    return walk_run(c, &v, e);
}

/* The taps through which pixels of class y, x of dx (their coordinates modulo stride) went: output
 * position (y + top - ky) / stride, where that is whole. */
static void class_taps(struct walk *v, const struct backend_conv *how, ctensor *w)
{
    v->taps = 0;
    for (int64_t ky = 0; ky < w->dim[1]; ky++)
        for (int64_t kx = 0; kx < w->dim[2]; kx++) {
            int64_t y = v->dst_y + how->pad.top - ky, x = v->dst_x + how->pad.left - kx;
            if (y % how->stride || x % how->stride)
                continue;
            v->tap[v->taps++] =
                (struct tap){ y / how->stride, x / how->stride, (ky * w->dim[2] + kx) * w->dim[3] };
        }
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
        class_taps(v, how, w);
        if (v->taps && positions(v) > 0 && walk_run(c, v, e))
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
                (struct tap){ i / 2 + how->pad.top - t / w->dim[2],
                              i % 2 + how->pad.left - t % w->dim[2], t * w->dim[3] };
    return walk_run(c, v, e);
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
        .tap_depth = dy->dim[3],
        .add = true,
    };
    return how->doubled ? bwd_doubled(c, &v, how, w, e) : bwd_by_classes(c, &v, how, w, e);
}
