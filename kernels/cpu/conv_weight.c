/*
 * The adjoint of a convolution to its weights: dw [O, kh kw I] += dy^T (windows of x).
 *
 * Windows of a chunk of positions are laid side by side in the thread's scratch and multiplied at
 * once. The positions are cut into parts by the shape; each part sums into its own piece of thread
 * 0's scratch, and the parts are added in order. A weight too large for that is one part, whose
 * outputs threads share.
 */
#include <string.h>

#include "kernels/cpu/conv.h"
#include "kernels/cpu/panel.h"

#define PARTS_MAX 16
#define PART_POSITIONS 256 /* fewer are not worth a part */
#define CHUNK_POSITIONS 64
#define TASK_OUTPUTS 64
/* The windows of a chunk, at the end of each thread's scratch; before them, in thread 0's, parts.
 */
#define WINDOW_FLOATS (CPU_SCRATCH_FLOATS / 4)
#define PARTS_FLOATS (CPU_SCRATCH_FLOATS - WINDOW_FLOATS)

struct layer {
    const float *x, *dy;
    int64_t batch, height, width, in;
    int doubled; /* 1: x is doubled first; height and width are those of the doubled picture */
    int64_t rows, cols, out;
    int64_t kh, kw, stride, top, left;
    int64_t patch, ld; /* kh kw I, and the same rounded up to an odd number of vectors */
    int64_t parts, chunk;
};

static int64_t positions(const struct layer *l)
{
    return l->batch * l->rows * l->cols;
}

/* Odd: rows that lie a power of two apart would fall into the same few lines of the cache. */
static int64_t odd_vecs(int64_t n)
{
    int64_t vecs = (n + VEC_LANES - 1) / VEC_LANES;
    return (vecs | 1) * VEC_LANES;
}

static int64_t parts_of(const struct layer *l)
{
    int64_t fit = par_min(PARTS_MAX, PARTS_FLOATS / (l->out * l->ld));
    int64_t parts = par_min(fit, positions(l) / PART_POSITIONS);
    return parts > 1 ? parts : 1;
}

/* Columns of a kernel's line that are inside the picture when it starts at x0. */
static struct par_range inside(int64_t x0, int64_t kw, int64_t width)
{
    int64_t begin = x0 < 0 ? par_min(-x0, kw) : 0, end = par_min(kw, width - x0);
    return (struct par_range){ begin, end > begin ? end : begin };
}

/* Pixel y, x of picture b, doubled or not. */
static inline const float *pixel_at(const struct layer *l, int64_t b, int64_t y, int64_t x)
{
    int64_t line = b * (l->height >> l->doubled) + (y >> l->doubled);
    return l->x + (line * (l->width >> l->doubled) + (x >> l->doubled)) * l->in;
}

static inline void copy_floats(const float *restrict from, int64_t n, float *restrict to)
{
    for (int64_t j = 0; j < n; j++)
        to[j] = from[j];
}

static inline void clear_floats(int64_t n, float *to)
{
    for (int64_t j = 0; j < n; j++)
        to[j] = 0;
}

/* Pixels x0 + cols of a line: side by side in x, unless it is doubled. */
static inline void copy_line(const struct layer *l, int64_t b, int64_t y, int64_t x0,
                             struct par_range cols, float *to)
{
    if (!l->doubled && cols.begin < cols.end)
        copy_floats(pixel_at(l, b, y, x0 + cols.begin), (cols.end - cols.begin) * l->in,
                    to + cols.begin * l->in);
    for (int64_t i = cols.begin; l->doubled && i < cols.end; i++)
        copy_floats(pixel_at(l, b, y, x0 + i), l->in, to + i * l->in);
}

/* The window [kh, kw, I] of a position; zeros outside the picture. */
static void copy_window(const struct layer *l, int64_t position, float *restrict to)
{
    int64_t b = position / l->cols / l->rows;
    int64_t y0 = position / l->cols % l->rows * l->stride - l->top;
    int64_t x0 = position % l->cols * l->stride - l->left;
    int64_t line = l->kw * l->in;

    for (int64_t ky = 0; ky < l->kh; ky++, to += line) {
        bool off = y0 + ky < 0 || y0 + ky >= l->height;
        struct par_range cols = inside(x0, off ? 0 : l->kw, l->width);
        clear_floats(cols.begin * l->in, to);
        copy_line(l, b, y0 + ky, x0, cols, to);
        clear_floats(line - cols.end * l->in, to + cols.end * l->in);
    }
    memset(to, 0, (size_t)(l->ld - l->patch) * sizeof *to);
}

static inline void add_tile(const struct tile *t, int64_t rows, int64_t cols, float *to, int64_t ld)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            to[i * ld + j] += t->at[i][j];
}

/* dy [n, outputs o.. o + count] with room for a whole tile of outputs: dy itself, or a copy filled
 * up with zeros. */
static const float *output_columns(const struct layer *l, int64_t position, int64_t n, int64_t o,
                                   int64_t count, float *copy, int64_t *ret_ld)
{
    const float *dy = l->dy + position * l->out + o;
    *ret_ld = count == TILE_ROWS ? l->out : TILE_ROWS;
    if (count == TILE_ROWS)
        return dy;
    memset(copy, 0, (size_t)(n * TILE_ROWS) * sizeof *copy);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < count; j++)
            copy[i * TILE_ROWS + j] = dy[i * l->out + j];
    return copy;
}

/* sum [outputs, patch] += what n positions from p on give. */
static void add_chunk(const struct layer *l, int64_t p, int64_t n, struct par_range outputs,
                      const float *windows, float *sum, int64_t ld)
{
    struct panels cols = panels_of(l->patch);
    float copy[CHUNK_POSITIONS * TILE_ROWS];
    struct tile t;

    for (int64_t i = 0; i < cols.count; i++) {
        int64_t j = panel_start(cols, i) * VEC_LANES, width = panel_cols(cols, i), lda;
        for (int64_t o = outputs.begin; o < outputs.end; o += TILE_ROWS) {
            int64_t count = par_min(TILE_ROWS, outputs.end - o);
            const float *a = output_columns(l, p, n, o, count, copy, &lda);
            tile_columns(panel_vecs(cols, i), a, lda, windows + j, l->ld, n, &t);
            add_tile(&t, count, width, sum + (o - outputs.begin) * ld + j, ld);
        }
    }
}

static void add_positions(const struct layer *l, struct par_range range, struct par_range outputs,
                          float *windows, float *sum, int64_t ld)
{
    for (int64_t p = range.begin; p < range.end; p += l->chunk) {
        int64_t n = par_min(l->chunk, range.end - p);
        for (int64_t i = 0; i < n; i++)
            copy_window(l, p + i, windows + i * l->ld);
        add_chunk(l, p, n, outputs, windows, sum, ld);
    }
}

/* Each part of the positions into its own sum, then all into dw, part by part. */
static void run_parts(const struct cpu *c, const struct layer *l, float *dw)
{
    float *sums = (float *)c->scratch[0];
    int64_t size = l->out * l->ld;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < l->parts; i++) {
        memset(sums + i * size, 0, (size_t)size * sizeof *sums);
        add_positions(l, par_range(positions(l), l->parts, i), (struct par_range){ 0, l->out },
                      cpu_scratch(c) + PARTS_FLOATS, sums + i * size, l->ld);
    }
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t o = 0; o < l->out; o++)
        for (int64_t i = 0; i < l->parts; i++)
            for (int64_t j = 0; j < l->patch; j++)
                dw[o * l->patch + j] += sums[i * size + o * l->ld + j];
}

/* One part: threads take outputs. */
static void run_outputs(const struct cpu *c, const struct layer *l, float *dw)
{
#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t o = 0; o < l->out; o += TASK_OUTPUTS)
        add_positions(l, (struct par_range){ 0, positions(l) },
                      (struct par_range){ o, par_min(o + TASK_OUTPUTS, l->out) },
                      cpu_scratch(c) + PARTS_FLOATS, dw + o * l->patch, l->patch);
}

int CPU(windows_weight)(const struct cpu *c, const struct backend_conv *how, ctensor *x,
                        ctensor *dy, struct tensor *dw, struct err *e)
{
    int64_t patch = dw->dim[1] * dw->dim[2] * dw->dim[3];
    if (patch > WINDOW_FLOATS / 2)
        return err_set(e, ERR_UNSUPPORTED, "conv_bwd_weight: a window of %lld values, at most %lld",
                       (long long)patch, (long long)WINDOW_FLOATS / 2);
    struct layer l = {
        .x = x->data,
        .dy = dy->data,
        .batch = x->dim[0],
        .height = x->dim[1] << how->doubled,
        .width = x->dim[2] << how->doubled,
        .in = x->dim[3],
        .doubled = how->doubled,
        .rows = dy->dim[1],
        .cols = dy->dim[2],
        .out = dy->dim[3],
        .kh = dw->dim[1],
        .kw = dw->dim[2],
        .stride = how->stride,
        .top = how->pad.top,
        .left = how->pad.left,
        .patch = patch,
        .ld = odd_vecs(patch),
    };
    l.parts = parts_of(&l);
    l.chunk = par_min(CHUNK_POSITIONS, WINDOW_FLOATS / l.ld);
    if (l.parts > 1)
        run_parts(c, &l, dw->data);
    else
        run_outputs(c, &l, dw->data);
    return 0;
}
