/*
 * The adjoint of a 3x3 convolution to its weights where one side has three channels: the first
 * layer of a network that sees pictures, the last of one that makes them.
 *
 * The thin side is copied with zeros around; then a line of the window around a pixel of the thick
 * side is nine floats in a row, and each line of the kernel is a product of these with the pixel's
 * channels, summed along a line of the picture in registers.
 *
 * Lines are cut into parts by the shape; each part sums for itself, and the parts are added in
 * order. The shared memory holds the thin side, thread 0's scratch the parts' sums.
 */
#include "kernels/cpu/conv.h"
#include "kernels/cpu/strip.h"
#include "kernels/cpu/vec.h"

#define SIDE 3
#define RGB 3
#define ROWS (SIDE * RGB)                 /* floats of a window's line */
#define VECS ((VEC_REGISTERS - 4) / ROWS) /* that a line of sums has registers for */
#define PARTS_MAX 16
#define PART_LINES 8 /* fewer are not worth a part */

struct job {
    struct strip_source thin, thick;
    int64_t lines, parts;
    int64_t vectors; /* of a thick pixel; the last may overlap the one before */
    float *sums;     /* [parts, SIDE, ROWS, vectors, VEC_LANES] */
};

static inline int64_t vector_at(const struct job *j, int64_t i)
{
    return par_min(i * VEC_LANES, j->thick.n - VEC_LANES);
}

static int64_t sums_size(const struct job *j)
{
    return SIDE * ROWS * j->vectors * VEC_LANES;
}

/* sums [ROWS, vectors] += windows' lines times `vecs` vectors of n pixels. */
INLINE void add_line(int vecs, const struct job *j, const float *windows, const float *pixels,
                     int64_t first, float *sums)
{
    vec s[ROWS][VECS] = { 0 };
    const float *at[VECS];
    EACH (v, vecs)
        at[v] = pixels + vector_at(j, first + v);
    for (int64_t x = 0; x < j->thick.width; x++, windows += RGB) {
        vec pixel[VECS];
        EACH (v, vecs)
            pixel[v] = vec_load(at[v] + x * j->thick.n);
        EACH (r, ROWS)
            EACH (v, vecs)
                s[r][v] += windows[r] * pixel[v];
    }
    EACH (r, ROWS)
        EACH (v, vecs) {
            float *to = sums + (r * j->vectors + first + v) * VEC_LANES;
            vec_store(to, vec_load(to) + s[r][v]);
        }
}

/* Line y of picture b of the thick side, against line y + ky of the thin one. */
static void add_lines(const struct job *j, int64_t b, int64_t y, int64_t ky, float *sums)
{
    const float *windows = strip_at(&j->thin, b, y + ky, 0), *pixels = strip_at(&j->thick, b, y, 0);
    int64_t i = 0;
    for (; i + VECS <= j->vectors; i += VECS)
        add_line(VECS, j, windows, pixels, i, sums);
    for (; i < j->vectors; i++)
        add_line(1, j, windows, pixels, i, sums);
}

static void run_part(const struct job *j, int64_t part)
{
    struct par_range lines = par_range(j->lines, j->parts, part);
    float *sums = j->sums + part * sums_size(j);

    memset(sums, 0, (size_t)sums_size(j) * sizeof *sums);
    for (int64_t i = lines.begin; i < lines.end; i++)
        for (int64_t ky = 0; ky < SIDE; ky++)
            add_lines(j, i / j->thick.height, i % j->thick.height, ky,
                      sums + ky * ROWS * j->vectors * VEC_LANES);
}

/* What all parts have for line ky of the window, float r of it and channel k of the thick side. */
static float sum_of(const struct job *j, int64_t ky, int64_t r, int64_t k)
{
    int64_t v = k / VEC_LANES, at = (ky * ROWS + r) * j->vectors + v;
    float sum = 0;
    for (int64_t p = 0; p < j->parts; p++)
        sum += j->sums[p * sums_size(j) + at * VEC_LANES + k - vector_at(j, v)];
    return sum;
}

static struct job job_of(const struct cpu *c, ctensor *thin, ctensor *thick, struct conv_pad pad)
{
    struct strip_source s = strip_source(thin);
    struct job j = { .thin = CPU(strip_surround)(c, &s, pad), .thick = strip_source(thick) };
    j.lines = j.thick.batch * j.thick.height;
    j.vectors = (j.thick.n + VEC_LANES - 1) / VEC_LANES;
    j.parts = par_min(PARTS_MAX, 1 + j.lines / PART_LINES);
    j.sums = (float *)c->scratch[0];
    return j;
}

static void run(const struct cpu *c, const struct job *j)
{
#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < j->parts; i++)
        run_part(j, i);
}

/* A pixel of dy saw the window of x that begins at it, less the padding. */
static void weight_in(const struct cpu *c, struct conv_pad pad, ctensor *x, ctensor *dy, float *dw)
{
    struct job j = job_of(c, x, dy, pad);
    run(c, &j);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t o = 0; o < j.thick.n; o++)
        for (int64_t i = 0; i < SIDE * ROWS; i++)
            dw[o * SIDE * ROWS + i] += sum_of(&j, i / ROWS, i % ROWS, o);
}

/* A pixel of x went to a window of dy, through the last tap to its first pixel; pad: what is around
 * dy. */
static void weight_out(const struct cpu *c, struct conv_pad pad, ctensor *x, ctensor *dy, float *dw)
{
    struct job j = job_of(c, dy, x, pad);
    int64_t n = j.thick.n;
    run(c, &j);
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < SIDE * ROWS; i++) {
        int64_t tap = SIDE * SIDE - 1 - i / RGB, o = i % RGB;
        for (int64_t k = 0; k < n; k++)
            dw[(o * SIDE * SIDE + tap) * n + k] += sum_of(&j, i / ROWS, i % ROWS, k);
    }
}

static bool thin_fits(ctensor *thin, ctensor *thick, struct conv_pad pad)
{
    struct strip_source s = strip_source(thin);
    int64_t n = thick->dim[3];
    return thin->dim[3] == RGB && n >= VEC_LANES && CPU(strip_may_surround)(&s, pad) &&
           PARTS_MAX * SIDE * ROWS * (n + VEC_LANES) <= CPU_SCRATCH_FLOATS;
}

bool CPU(rgb_weight)(const struct cpu *c, const struct backend_conv *how, ctensor *x, ctensor *dy,
                     struct tensor *dw)
{
    struct conv_pad p = how->pad, turned = { SIDE - 1 - p.top, SIDE - 1 - p.left,
                                             SIDE - 1 - p.bottom, SIDE - 1 - p.right };
    if (dw->dim[1] != SIDE || dw->dim[2] != SIDE || how->stride != 1 || how->doubled)
        return false;
    if (thin_fits(x, dy, p))
        weight_in(c, p, x, dy, dw->data);
    else if (thin_fits(dy, x, turned))
        weight_out(c, turned, x, dy, dw->data);
    else
        return false;
    return true;
}
