/*
 * Products with packed matrices: rows x [m, k] w [n, k]^T for any m, made for decoding, where m is
 * the number of sequences.
 *
 * x is first staged: floats column by column in groups of rows, or quantised where w holds whole
 * numbers. Then a task is a panel of w, which all rows meet before the next one is read; so w comes
 * from memory once. Each row is added up alone, in the order of k: its bits depend neither on m nor
 * on the threads.
 */
#include <math.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/dot.h"
#include "kernels/cpu/vmath.h"

/* Fewer multiply-adds than this are not worth waking other threads. */
#define ALONE 100000

struct linear {
    const float *x;
    int64_t m, n, k, blocks;
    int64_t groups; /* of rows */
    enum dtype format;
    bool whole; /* w holds whole numbers */
    const unsigned char *w;
    size_t panel_bytes;
    const float *bias, *residual; /* may be NULL */
    enum backend_act act;
    float *y;
    void *staged; /* struct x_block [m, blocks], or floats of groups, rows * k each */
};

/* ---- staging: a block of columns of one group ---- */

static void stage_floats(const struct linear *l, int64_t i, int rows, int64_t k0, int64_t k1)
{
    float *to = (float *)l->staged + i * l->k;
    for (int r = 0; r < rows; r++)
        for (int64_t k = k0; k < k1; k++)
            to[k * rows + r] = l->x[(i + r) * l->k + k];
}

/* ---- staging: whole numbers ---- */

#define ROUND 12582912.0f /* 1.5 * 2^23: adding it pushes the fraction out of the last bits */
#define INFINITE 0x7f800000u

/* The bits of the largest magnitude: as whole numbers they are in the order of the floats, and
 * anything that is infinite or no number comes last. */
static uint32_t largest_bits(const float x[BLOCK_DEPTH])
{
    uint32_t top = 0;
    for (int i = 0; i < BLOCK_DEPTH; i++) {
        uint32_t bits = vm_to_bits(x[i]) & 0x7fffffffu;
        top = bits > top ? bits : top;
    }
    return top;
}

static void quantise(const float x[BLOCK_DEPTH], int32_t zero, struct x_block *to)
{
    uint32_t bits = largest_bits(x);
    float top = bits < INFINITE ? vm_from_bits(bits) : NAN;
    float inverse = top > 0 ? 127 / top : 0;
    int32_t sum = 0;

    for (int i = 0; i < BLOCK_DEPTH; i++) {
        int32_t q = (int32_t)(vm_to_bits(x[i] * inverse + ROUND) - vm_to_bits(ROUND));
        to->q[i] = (int8_t)q;
        sum += (int8_t)q;
    }
    to->scale = top / 127;
    to->start = -zero * sum;
}

static void stage_whole(const struct linear *l, int64_t i, int rows, int64_t k0, int64_t k1)
{
    struct x_block *to = (struct x_block *)l->staged + i * l->blocks + k0 / BLOCK_DEPTH;
    for (int r = 0; r < rows; r++) {
        const float *x = l->x + (i + r) * l->k + k0;
        float rest[BLOCK_DEPTH] = { 0 };
        if (k1 - k0 < BLOCK_DEPTH)
            x = memcpy(rest, x, (size_t)(k1 - k0) * sizeof *x);
        quantise(x, dot_zero(l->format), to + r * l->blocks);
    }
}

static void stage(const struct linear *l, int64_t block)
{
    int64_t k = block * BLOCK_DEPTH, end = par_min(k + BLOCK_DEPTH, l->k);
    for (int64_t i = 0; i < l->groups; i++) {
        struct par_range rows = par_range(l->m, l->groups, i);
        if (l->whole)
            stage_whole(l, rows.begin, (int)(rows.end - rows.begin), k, end);
        else
            stage_floats(l, rows.begin, (int)(rows.end - rows.begin), k, end);
    }
}

/* ---- a panel ---- */

static void finish(const struct linear *l, int64_t i, int64_t j, float *restrict sum)
{
    int64_t cols = par_min(PANEL, l->n - j);
    float *restrict y = l->y + i * l->n + j;
    if (l->bias)
        for (int64_t c = 0; c < cols; c++)
            sum[c] += l->bias[j + c];
    if (l->act == ACT_GELU)
        for (int64_t c = 0; c < cols; c++)
            sum[c] = vm_gelu(sum[c]);
    if (l->residual)
        for (int64_t c = 0; c < cols; c++)
            sum[c] += l->residual[i * l->n + j + c];
    memcpy(y, sum, (size_t)cols * sizeof *y);
}

/* The next panel comes from memory while this one's groups are multiplied, a share with each. One
 * group alone reads as fast as memory gives: asking would only be in its way. */
static struct ahead next_of(const struct linear *l, int64_t panel, int64_t group)
{
    const unsigned char *next = l->w + (size_t)(panel + 1) * l->panel_bytes;
    size_t groups = (size_t)l->groups, block = l->panel_bytes / (size_t)l->blocks;
    return (struct ahead){ next + l->panel_bytes * (size_t)group / groups,
                           (block + groups - 1) / groups };
}

static void panel_task(const struct linear *l, int64_t panel, bool ask)
{
    const unsigned char *w = l->w + (size_t)panel * l->panel_bytes;
    struct panel_sums sums[FLOAT_ROWS];

    for (int64_t i = 0; i < l->groups; i++) {
        struct par_range r = par_range(l->m, l->groups, i);
        struct ahead ahead = ask ? next_of(l, panel, i) : (struct ahead){ w, 0 };
        int rows = (int)(r.end - r.begin);
        if (l->whole)
            CPU_DOT(int_panel)
        (l->format, w, l->blocks, (const struct x_block *)l->staged + r.begin * l->blocks, rows,
         ahead, sums);
        else CPU(float_panel)(l->format, w, l->k, (const float *)l->staged + r.begin * l->k, rows,
                              ahead, sums);
        for (int64_t k = 0; k < rows; k++)
            finish(l, r.begin + k, panel * PANEL, sums[k].at);
    }
}

static void panels_task(const struct linear *l, struct par_range panels)
{
    for (int64_t i = panels.begin; i < panels.end; i++)
        panel_task(l, i, l->groups > 1 && i + 1 < panels.end);
}

static void all_panels(const struct cpu *c, const struct linear *l)
{
    int threads = l->m * l->n * l->k < ALONE ? 1 : c->threads;

#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < l->blocks; i++)
            stage(l, i);
#pragma omp for schedule(static)
        for (int i = 0; i < threads; i++)
            panels_task(l, par_range(packed_panels(l->n), threads, i));
    }
}

/* ---- entry ---- */

static struct linear linear_of(const struct cpu *c, ctensor *x, ctensor *w)
{
    int64_t blocks = packed_blocks(w->dim[1]);
    return (struct linear){
        .m = tensor_rows(x),
        .n = w->dim[0],
        .k = w->dim[1],
        .blocks = blocks,
        .format = w->dtype,
        .whole = w->dtype == DTYPE_Q8_0 || w->dtype == DTYPE_Q4_0,
        .w = w->data,
        .panel_bytes = (size_t)blocks * CPU(packed_block_bytes)(w->dtype),
        .staged = c->scratch[0],
    };
}

/* Rows that one reading of w serves: as many as can be staged. */
static int64_t rows_at_once(const struct linear *l)
{
    size_t row =
        l->whole ? (size_t)l->blocks * sizeof(struct x_block) : (size_t)l->k * sizeof(float);
    return (int64_t)(CPU_SCRATCH_BYTES / row);
}

int CPU_DOT(linear_packed)(void *ctx, ctensor *x, ctensor *w, ctensor *bias, enum backend_act act,
                           ctensor *residual, struct tensor *y, struct err *e)
{
    if (CPU_ALL_F32("linear_packed", e, x, bias, residual, y))
        return -1;
    if (act != ACT_NONE && act != ACT_GELU)
        return err_set(e, ERR_UNSUPPORTED, "linear_packed: activation %d is not fused", (int)act);
    struct linear l = linear_of(ctx, x, w);
    int64_t m = l.m, step = rows_at_once(&l);
    if (step < 1)
        return err_set(e, ERR_UNSUPPORTED, "linear_packed: rows of %lld do not fit the scratch",
                       (long long)l.k);
    l.bias = bias ? bias->data : NULL;
    l.act = act;
    for (int64_t i = 0; i < m; i += step) {
        l.m = par_min(step, m - i);
        l.groups = packed_groups(l.m, l.whole ? INT_ROWS : FLOAT_ROWS);
        l.x = (const float *)x->data + i * l.k;
        l.y = (float *)y->data + i * l.n;
        l.residual = residual ? (const float *)residual->data + i * l.n : NULL;
        all_panels(ctx, &l);
    }
    return 0;
}
