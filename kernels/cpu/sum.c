#include <string.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/par.h"
#include "kernels/cpu/sum.h"

/* Fewer rows than this are not worth a part of their own. */
#define PART_ROWS 32
#define BLOCK_COLS 1024

int64_t CPU(sum_parts)(int64_t m, int64_t n)
{
    int64_t most = par_min(SUM_PARTS_MAX, CPU_SCRATCH_FLOATS / n);
    int64_t parts = par_min(m / PART_ROWS, most);
    return parts > 1 ? parts : 1;
}

void CPU(sum_add_parts)(const float *partial, int64_t parts, int64_t n, int64_t stride, float *y)
{
    if (!y)
        return;
    for (int64_t p = 0; p < parts; p++)
        for (int64_t j = 0; j < n; j++)
            y[j] += partial[p * stride + j];
}

static inline void add_rows(const float *restrict x, int64_t stride, struct par_range rows,
                            int64_t n, float *restrict y)
{
    for (int64_t i = rows.begin; i < rows.end; i++)
        for (int64_t j = 0; j < n; j++)
            y[j] += x[i * stride + j];
}

/* Few columns: threads share the rows. */
static void bias_bwd_tall(struct cpu *c, const float *dy, int64_t m, int64_t n, int64_t parts,
                          float *db)
{
    float *partial = (float *)c->scratch[0];

#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t p = 0; p < parts; p++) {
        memset(partial + p * n, 0, (size_t)n * sizeof *partial);
        add_rows(dy, n, par_range(m, parts, p), n, partial + p * n);
    }
    CPU(sum_add_parts)(partial, parts, n, n, db);
}

/* Many columns: threads share them. */
static void bias_bwd_wide(struct cpu *c, const float *dy, int64_t m, int64_t n, float *db)
{
    struct par_range all = { 0, m };

#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t j = 0; j < n; j += BLOCK_COLS)
        add_rows(dy + j, n, all, par_min(BLOCK_COLS, n - j), db + j);
}

int CPU(bias_bwd)(void *ctx, ctensor *dy, struct tensor *db, struct err *e)
{
    if (CPU_ALL_F32("bias_bwd", e, dy, db))
        return -1;
    int64_t n = tensor_cols(dy), m = tensor_rows(dy), parts = CPU(sum_parts)(m, n);
    if (parts > 1)
        bias_bwd_tall(ctx, dy->data, m, n, parts, db->data);
    else
        bias_bwd_wide(ctx, dy->data, m, n, db->data);
    return 0;
}
