/*
 * Rows of a table by their number.
 */
#include <math.h>
#include <string.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/map.h"

static void embed_row(const float *table, int64_t rows, int64_t n, int32_t id, float *y)
{
    if (id >= 0 && id < rows)
        memcpy(y, table + id * n, (size_t)n * sizeof *y);
    else
        for (int64_t j = 0; j < n; j++)
            y[j] = NAN;
}

int CPU(embedding)(void *ctx, ctensor *table, ctensor *ids, struct tensor *y, struct err *e)
{
    const struct cpu *c = ctx;
    const float *ptable = table->data;
    const int32_t *pids = ids->data;
    float *py = y->data;
    int64_t rows = tensor_rows(table), n = tensor_cols(table), count = tensor_count(ids);

    if (CPU_ALL_F32("embedding", e, table, y) || CPU_ALL_I32("embedding", e, ids))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, tensor_count(y)))
    for (int64_t i = 0; i < count; i++)
        embed_row(ptable, rows, n, pids[i], py + i * n);
    return 0;
}

#define EMBED_TILE 32 /* columns of the table that one thread adds to: two cache lines */

/* dtable[ids[i]][j] += dy[i][j] for the columns first..first + n. Every column's sum runs over i in
 * order. */
static void embed_scatter(const int32_t *ids, int64_t count, const float *dy, float *dtable,
                          int64_t rows, int64_t cols, int64_t first, int64_t n)
{
    for (int64_t i = 0; i < count; i++) {
        if (ids[i] < 0 || ids[i] >= rows)
            continue;
        const float *from = dy + i * cols + first;
        float *to = dtable + ids[i] * cols + first;
        for (int64_t j = 0; j < n; j++)
            to[j] += from[j];
    }
}

int CPU(embedding_bwd)(void *ctx, ctensor *ids, ctensor *dy, struct tensor *dtable, struct err *e)
{
    const struct cpu *c = ctx;
    const int32_t *pids = ids->data;
    const float *pdy = dy->data;
    float *pdt = dtable->data;
    int64_t rows = tensor_rows(dtable), cols = tensor_cols(dtable), count = tensor_count(ids);

    if (CPU_ALL_F32("embedding_bwd", e, dy, dtable) || CPU_ALL_I32("embedding_bwd", e, ids))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, tensor_count(dy)))
    for (int64_t j = 0; j < cols; j += EMBED_TILE)
        embed_scatter(pids, count, pdy, pdt, rows, cols, j, par_min(EMBED_TILE, cols - j));
    return 0;
}
