/*
 * Convolution on channels-last pictures: a tile of output positions is gathered into rows of
 * kh kw I values (zeros outside) in the thread's scratch, and multiplied with the weights seen as
 * [O, kh kw I]. Tiles lie within one picture, so a picture's bits do not depend on the batch.
 */
#include <string.h>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/par.h"

#define TILE_POSITIONS 512

/* One layer, from the table's arguments. */
struct conv {
    int64_t batch, height, width, in; /* x */
    int64_t out_height, out_width, out; /* y */
    int64_t kh, kw, patch;              /* patch: kh kw I */
    int64_t stride, top, left;
};

static struct conv conv_of(ctensor *x, ctensor *w, ctensor *y, int stride, struct conv_pad pad)
{
    return (struct conv){
        .batch = x->dim[0],
        .height = x->dim[1],
        .width = x->dim[2],
        .in = x->dim[3],
        .out_height = y->dim[1],
        .out_width = y->dim[2],
        .out = y->dim[3],
        .kh = w->dim[1],
        .kw = w->dim[2],
        .patch = w->dim[1] * w->dim[2] * w->dim[3],
        .stride = stride,
        .top = pad.top,
        .left = pad.left,
    };
}

static int64_t positions(const struct conv *v)
{
    return v->out_height * v->out_width;
}

/* x itself has the rows that a 1x1 convolution wants. */
static bool is_plain(const struct conv *v)
{
    return v->kh == 1 && v->kw == 1 && v->stride == 1 && positions(v) == v->height * v->width;
}

/* Output positions of a tile; its rows and one more row fit in scratch. */
static int64_t tile_size(const struct conv *v)
{
    int64_t fit = par_min(TILE_POSITIONS, CPU_SCRATCH_FLOATS / v->patch);
    return par_min(fit > 1 ? fit : 1, positions(v));
}

/* Taps kx of one kernel row that lie inside the picture, for a window starting at column x0. */
static struct par_range inside(int64_t x0, int64_t kw, int64_t width)
{
    int64_t begin = x0 < 0 ? par_min(-x0, kw) : 0;
    int64_t end = par_min(kw, width - x0);
    return (struct par_range){ begin, end > begin ? end : begin };
}

/* The window of output position p: [kh, kw, I]. */
static void gather(const struct conv *v, const float *x, int64_t p, float *restrict row)
{
    int64_t y0 = p / v->out_width * v->stride - v->top;
    int64_t x0 = p % v->out_width * v->stride - v->left;
    struct par_range taps = inside(x0, v->kw, v->width);
    size_t before = (size_t)(taps.begin * v->in), n = (size_t)((taps.end - taps.begin) * v->in);
    size_t line = (size_t)(v->kw * v->in);

    for (int64_t ky = 0; ky < v->kh; ky++, row += line) {
        if (y0 + ky < 0 || y0 + ky >= v->height || n == 0) {
            memset(row, 0, line * sizeof *row);
            continue;
        }
        const float *src = x + ((y0 + ky) * v->width + x0 + taps.begin) * v->in;
        memset(row, 0, before * sizeof *row);
        memcpy(row + before, src, n * sizeof *row);
        memset(row + before + n, 0, (line - before - n) * sizeof *row);
    }
}

/* The adjoint of gather: adds a window back into the picture. */
static void scatter(const struct conv *v, const float *restrict row, int64_t p, float *dx)
{
    int64_t y0 = p / v->out_width * v->stride - v->top;
    int64_t x0 = p % v->out_width * v->stride - v->left;
    struct par_range taps = inside(x0, v->kw, v->width);
    int64_t n = (taps.end - taps.begin) * v->in;

    for (int64_t ky = 0; ky < v->kh; ky++) {
        if (y0 + ky < 0 || y0 + ky >= v->height)
            continue;
        const float *src = row + (ky * v->kw + taps.begin) * v->in;
        float *restrict dst = dx + ((y0 + ky) * v->width + x0 + taps.begin) * v->in;
        for (int64_t i = 0; i < n; i++)
            dst[i] += src[i];
    }
}

static void fill_bias(float *y, int64_t rows, int64_t n, const float *bias)
{
    for (int64_t i = 0; i < rows; i++)
        memcpy(y + i * n, bias, (size_t)n * sizeof *y);
}

static void forward_tile(const struct conv *v, const float *x, const float *w, const float *bias,
                         struct par_range tile, float *rows, float *y)
{
    int64_t m = tile.end - tile.begin;
    const float *a = x + tile.begin * v->in;
    if (!is_plain(v)) {
        for (int64_t i = 0; i < m; i++)
            gather(v, x, tile.begin + i, rows + i * v->patch);
        a = rows;
    }
    y += tile.begin * v->out;
    if (bias)
        fill_bias(y, m, v->out, bias);
    CPU(sgemm)(false, true, m, v->out, v->patch, 1, a, v->patch, w, v->patch, bias ? 1 : 0, y,
               v->out);
}

int CPU(conv)(void *ctx, ctensor *x, ctensor *w, ctensor *bias, int stride, struct conv_pad pad,
              struct tensor *y, struct err *e)
{
    (void)e;
    const struct cpu *c = ctx;
    struct conv v = conv_of(x, w, y, stride, pad);
    int64_t size = tile_size(&v), tiles = (positions(&v) + size - 1) / size;
    const float *xs = x->data, *bs = bias ? bias->data : NULL;
    float *ys = y->data;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < v.batch * tiles; i++) {
        int64_t b = i / tiles;
        forward_tile(&v, xs + b * v.height * v.width * v.in, w->data, bs,
                     par_range(positions(&v), tiles, i % tiles), cpu_scratch(c),
                     ys + b * positions(&v) * v.out);
    }
    return 0;
}

static void bwd_data_picture(const struct conv *v, const float *dy, const float *w, float *rows,
                             float *dx)
{
    int64_t size = tile_size(v);
    for (int64_t p = 0; p < positions(v); p += size) {
        int64_t m = par_min(size, positions(v) - p);
        if (is_plain(v)) {
            CPU(sgemm)(false, false, m, v->in, v->out, 1, dy + p * v->out, v->out, w, v->in, 1,
                       dx + p * v->in, v->in);
            continue;
        }
        CPU(sgemm)(false, false, m, v->patch, v->out, 1, dy + p * v->out, v->out, w, v->patch, 0,
                   rows, v->patch);
        for (int64_t i = 0; i < m; i++)
            scatter(v, rows + i * v->patch, p + i, dx);
    }
}

int CPU(conv_bwd_data)(void *ctx, ctensor *dy, ctensor *w, int stride, struct conv_pad pad,
                       struct tensor *dx, struct err *e)
{
    (void)e;
    const struct cpu *c = ctx;
    struct conv v = conv_of(dx, w, dy, stride, pad);
    const float *dys = dy->data;
    float *dxs = dx->data;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t b = 0; b < v.batch; b++)
        bwd_data_picture(&v, dys + b * positions(&v) * v.out, w->data, cpu_scratch(c),
                         dxs + b * v.height * v.width * v.in);
    return 0;
}

/* The layer reduced to one tap: what x row meets which dy row. */
static struct conv one_tap(const struct conv *v, int64_t tap)
{
    struct conv one = *v;
    one.top -= tap / v->kw;
    one.left -= tap % v->kw;
    one.kh = one.kw = 1;
    one.patch = v->in;
    return one;
}

/* dw[:, tap, :] += dy^T x over all pictures, in order. */
static void bwd_weight_tap(const struct conv *v, int64_t tap, const float *x, const float *dy,
                           float *rows, float *dw)
{
    struct conv one = one_tap(v, tap);
    int64_t size = tile_size(&one);
    for (int64_t b = 0; b < v->batch; b++, x += v->height * v->width * v->in)
        for (int64_t p = 0; p < positions(v); p += size) {
            int64_t m = par_min(size, positions(v) - p);
            for (int64_t i = 0; i < m; i++)
                gather(&one, x, p + i, rows + i * v->in);
            CPU(sgemm)(true, false, v->out, v->in, m, 1,
                       dy + (b * positions(v) + p) * v->out, v->out, rows, v->in, 1,
                       dw + tap * v->in, v->patch);
        }
}

int CPU(conv_bwd_weight)(void *ctx, ctensor *x, ctensor *dy, int stride, struct conv_pad pad,
                         struct tensor *dw, struct err *e)
{
    (void)e;
    const struct cpu *c = ctx;
    struct conv v = conv_of(x, dw, dy, stride, pad);

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t tap = 0; tap < v.kh * v.kw; tap++)
        bwd_weight_tap(&v, tap, x->data, dy->data, cpu_scratch(c), dw->data);
    return 0;
}
