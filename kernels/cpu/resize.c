/*
 * Resizing with bilinear and bicubic filters, and pixels in and out of the float world.
 *
 * Every output coordinate of an axis is a weighted sum of a window of input coordinates. A row of
 * the output first sums whole input rows into a line, then sums along the line.
 */
#include <math.h>
#include <string.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/map.h"

/* ---- filters ---- */

/* Keys' cubic convolution; a: its slope at 1. */
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static double filter_weight(enum op_filter filter, bool antialias, double x)
{
    if (filter == OP_BILINEAR)
        return fmax(0, 1 - fabs(x));
    return cubic(x, antialias ? -0.5 : -0.75);
}

/* ---- axes ---- */

/* Output coordinate i sums w[i * taps + k] * input[first[i] + k], k < n[i]. */
struct axis {
    int64_t in, out, taps; /* taps: the most of any window */
    double step, stretch;  /* input pixels between outputs; the filter's width against its own */
    double reach;          /* of the stretched filter to each side */
    enum op_filter filter;
    bool antialias;
    int32_t *first, *n;
    float *w;
};

static struct axis axis_of(int64_t in, int64_t out, enum op_filter filter, bool antialias)
{
    struct axis a = { .in = in, .out = out, .filter = filter, .antialias = antialias };

    a.step = (double)in / (double)out;
    a.stretch = antialias && a.step > 1 ? a.step : 1;
    a.reach = (filter == OP_BILINEAR ? 1 : 2) * a.stretch;
    a.taps = 2 * (int64_t)ceil(a.reach) + 1;
    return a;
}

static int64_t axis_floats(const struct axis *a)
{
    return a->out * (a->taps + 2);
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/*
 * Window of output coordinate i. With antialias, Pillow's: the filter is cut at the border and made
 * to sum to 1. Without, the border pixel is repeated: its weights add up.
 */
static void axis_window(struct axis *a, int64_t i)
{
    double center = ((double)i + 0.5) * a->step, sum = 0;
    int64_t from = (int64_t)floor(center - a->reach + 0.5), to = (int64_t)(center + a->reach + 0.5);
    float *w = a->w + i * a->taps;

    if (a->antialias) {
        from = clamp(from, 0, a->in - 1);
        to = clamp(to, from + 1, a->in);
    }
    int64_t first = clamp(from, 0, a->in - 1), last = clamp(to - 1, 0, a->in - 1);
    memset(w, 0, (size_t)a->taps * sizeof *w);
    for (int64_t j = from; j < to; j++)
        sum += filter_weight(a->filter, a->antialias, ((double)j + 0.5 - center) / a->stretch);
    for (int64_t j = from; j < to; j++)
        w[clamp(j, 0, a->in - 1) - first] +=
            (float)(filter_weight(a->filter, a->antialias,
                                  ((double)j + 0.5 - center) / a->stretch) /
                    sum);
    a->first[i] = (int32_t)first;
    a->n[i] = (int32_t)(last - first + 1);
}

/* Fills the axis's windows into memory of axis_floats(). */
static void axis_fill(struct axis *a, float *memory)
{
    a->first = (int32_t *)memory;
    a->n = a->first + a->out;
    a->w = memory + 2 * a->out;
    for (int64_t i = 0; i < a->out; i++)
        axis_window(a, i);
}

/* ---- one picture's geometry: x [B, H, W, C] <-> y [B, h, w, C] ---- */

struct resize {
    struct axis rows, cols;
    int64_t B, C, line; /* line: floats of an input row */
    int64_t work;       /* products, about */
};

/* The windows live in the first half of the first thread's scratch, lines in everyone's second. */
static int resize_open(struct resize *r, const struct cpu *c, ctensor *x, ctensor *y,
                       enum op_filter filter, bool antialias, struct err *e)
{
    r->rows = axis_of(x->dim[1], y->dim[1], filter, antialias);
    r->cols = axis_of(x->dim[2], y->dim[2], filter, antialias);
    r->B = x->dim[0];
    r->C = x->dim[3];
    r->line = x->dim[2] * r->C;
    r->work = r->B * r->rows.out * r->line;
    if (axis_floats(&r->rows) + axis_floats(&r->cols) > CPU_SCRATCH_FLOATS / 2 ||
        r->line > CPU_SCRATCH_FLOATS / 2)
        return err_set(e, ERR_TOO_LARGE,
                       "resize: %lld x %lld to %lld x %lld with %lld channels needs more than "
                       "%lld numbers of scratch",
                       (long long)x->dim[1], (long long)x->dim[2], (long long)y->dim[1],
                       (long long)y->dim[2], (long long)r->C, (long long)CPU_SCRATCH_FLOATS / 2);
    float *memory = (float *)c->scratch[0];
    axis_fill(&r->rows, memory);
    axis_fill(&r->cols, memory + axis_floats(&r->rows));
    return 0;
}

static void add_scaled(float s, const float *restrict x, float *restrict y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += s * x[i];
}

/* Row i of one picture: x [H, W, C] -> y [w, C] */
static void resize_row(const struct resize *r, int64_t i, const float *x, float *line, float *y)
{
    const float *wy = r->rows.w + i * r->rows.taps;

    memset(line, 0, (size_t)r->line * sizeof *line);
    for (int64_t k = 0; k < r->rows.n[i]; k++)
        add_scaled(wy[k], x + (r->rows.first[i] + k) * r->line, line, r->line);
    memset(y, 0, (size_t)(r->cols.out * r->C) * sizeof *y);
    for (int64_t j = 0; j < r->cols.out; j++)
        for (int64_t k = 0; k < r->cols.n[j]; k++)
            add_scaled(r->cols.w[j * r->cols.taps + k], line + (r->cols.first[j] + k) * r->C,
                       y + j * r->C, r->C);
}

/* Its adjoint: dy [w, C] -> dx [H, W, C] */
static void resize_row_bwd(const struct resize *r, int64_t i, const float *dy, float *line,
                           float *dx)
{
    const float *wy = r->rows.w + i * r->rows.taps;

    memset(line, 0, (size_t)r->line * sizeof *line);
    for (int64_t j = 0; j < r->cols.out; j++)
        for (int64_t k = 0; k < r->cols.n[j]; k++)
            add_scaled(r->cols.w[j * r->cols.taps + k], dy + j * r->C,
                       line + (r->cols.first[j] + k) * r->C, r->C);
    for (int64_t k = 0; k < r->rows.n[i]; k++)
        add_scaled(wy[k], line, dx + (r->rows.first[i] + k) * r->line, r->line);
}

int CPU(resize)(void *ctx, ctensor *x, enum op_filter filter, bool antialias, struct tensor *y,
                struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    float *py = y->data;
    struct resize r;

    if (CPU_ALL_F32("resize", e, x, y) || resize_open(&r, c, x, y, filter, antialias, e))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, r.work))
    for (int64_t i = 0; i < r.B * r.rows.out; i++)
        resize_row(&r, i % r.rows.out, px + i / r.rows.out * r.rows.in * r.line,
                   cpu_scratch(c) + CPU_SCRATCH_FLOATS / 2, py + i * r.cols.out * r.C);
    return 0;
}

/* Rows of the output overlap in the input, so a picture is one thread's. */
int CPU(resize_bwd)(void *ctx, ctensor *dy, enum op_filter filter, bool antialias,
                    struct tensor *dx, struct err *e)
{
    const struct cpu *c = ctx;
    const float *pdy = dy->data;
    float *pdx = dx->data;
    struct resize r;

    if (CPU_ALL_F32("resize_bwd", e, dy, dx) || resize_open(&r, c, dx, dy, filter, antialias, e))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, r.work))
    for (int64_t b = 0; b < r.B; b++)
        for (int64_t i = 0; i < r.rows.out; i++)
            resize_row_bwd(&r, i, pdy + (b * r.rows.out + i) * r.cols.out * r.C,
                           cpu_scratch(c) + CPU_SCRATCH_FLOATS / 2, pdx + b * r.rows.in * r.line);
    return 0;
}

/* ---- pixels ---- */

int CPU(pixels_in)(void *ctx, ctensor *u8, const float mul[3], const float add[3], struct tensor *y,
                   struct err *e)
{
    const struct cpu *c = ctx;
    const uint8_t *px = u8->data;
    float *py = y->data;
    int64_t n = tensor_count(u8) / 3;

    if (CPU_ALL(DTYPE_U8, "pixels_in", e, u8) || CPU_ALL_F32("pixels_in", e, y))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, 3 * n))
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++)
            py[3 * i + k] = (float)px[3 * i + k] * mul[k] + add[k];
    return 0;
}

/* To the nearest level, halves to even; NaN is black. */
static uint8_t pixel_level(float x)
{
    float v = (x * 0.5f + 0.5f) * 255.0f;

    v = v > 0.0f ? v : 0.0f;
    return (uint8_t)rintf(v < 255.0f ? v : 255.0f);
}

int CPU(pixels_out)(void *ctx, ctensor *x, struct tensor *u8, struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    uint8_t *py = u8->data;
    int64_t n = tensor_count(x);

    if (CPU_ALL_F32("pixels_out", e, x) || CPU_ALL(DTYPE_U8, "pixels_out", e, u8))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, 4 * n))
    for (int64_t i = 0; i < n; i++)
        py[i] = pixel_level(px[i]);
    return 0;
}
