/*
 * Norms of rows [N, D]: layer norm, l2 norm, softmax. Two passes over a row that is in cache.
 */
#include <math.h>
#include <string.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/map.h"
#include "kernels/cpu/row.h"
#include "kernels/cpu/sum.h"

static inline void layernorm_row(const float *restrict x, const float *restrict g,
                                 const float *restrict b, int64_t n, float eps, float *restrict y,
                                 float stats[2])
{
    float mean = row_sum(x, n) / (float)n;
    float inv = 1.0f / sqrtf(row_squares(x, n, mean) / (float)n + eps);
    for (int64_t j = 0; j < n; j++)
        y[j] = (x[j] - mean) * inv * g[j] + b[j];
    stats[0] = mean;
    stats[1] = inv;
}

int CPU(layernorm)(void *ctx, ctensor *x, ctensor *g, ctensor *b, float eps, struct tensor *y,
                   struct tensor *stats, struct err *e)
{
    if (CPU_ALL_F32("layernorm", e, x, g, b, y, stats))
        return -1;
    const struct cpu *c = ctx;
    int64_t n = tensor_cols(x);

#pragma omp parallel for num_threads(map_threads(c, tensor_count(x))) schedule(static)
    for (int64_t i = 0; i < tensor_rows(x); i++) {
        float unwanted[2];
        layernorm_row((const float *)x->data + i * n, g->data, b->data, n, eps,
                      (float *)y->data + i * n, stats ? (float *)stats->data + 2 * i : unwanted);
    }
    return 0;
}

/* dx += inv (g dy - mean(g dy) - xhat mean(g dy xhat)) */
static inline void layernorm_row_dx(const float *restrict x, const float *restrict g,
                                    const float *restrict dy, int64_t n, const float stats[2],
                                    float *restrict dx)
{
    float mean = stats[0], inv = stats[1], sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
    for (int64_t j = 0; j < n; j++) {
        sum += g[j] * dy[j];
        along += g[j] * dy[j] * ((x[j] - mean) * inv);
    }
    sum /= (float)n;
    along /= (float)n;
    for (int64_t j = 0; j < n; j++)
        dx[j] += inv * (g[j] * dy[j] - sum - (x[j] - mean) * inv * along);
}

/* sums: [2, n], of dy xhat and of dy */
static inline void layernorm_row_sums(const float *restrict x, const float *restrict dy, int64_t n,
                                      const float stats[2], float *restrict sums)
{
    for (int64_t j = 0; j < n; j++) {
        sums[j] += dy[j] * ((x[j] - stats[0]) * stats[1]);
        sums[n + j] += dy[j];
    }
}

int CPU(layernorm_bwd)(void *ctx, ctensor *x, ctensor *g, ctensor *stats, ctensor *dy,
                       struct tensor *dx, struct tensor *dg, struct tensor *db, struct err *e)
{
    if (CPU_ALL_F32("layernorm_bwd", e, x, g, stats, dy, dx, dg, db))
        return -1;
    const struct cpu *c = ctx;
    int64_t n = tensor_cols(x), m = tensor_rows(x), parts = CPU(sum_parts)(m, 2 * n);
    const float *xs = x->data, *dys = dy->data, *st = stats->data;
    float *partial = (float *)c->scratch[0];

#pragma omp parallel for num_threads(map_threads(c, tensor_count(x))) schedule(static)
    for (int64_t p = 0; p < parts; p++) {
        struct par_range rows = par_range(m, parts, p);
        memset(partial + p * 2 * n, 0, 2 * (size_t)n * sizeof *partial);
        for (int64_t i = rows.begin; i < rows.end; i++) {
            layernorm_row_sums(xs + i * n, dys + i * n, n, st + 2 * i, partial + p * 2 * n);
            if (dx)
                layernorm_row_dx(xs + i * n, g->data, dys + i * n, n, st + 2 * i,
                                 (float *)dx->data + i * n);
        }
    }
    CPU(sum_add_parts)(partial, parts, n, 2 * n, dg ? dg->data : NULL);
    CPU(sum_add_parts)(partial + n, parts, n, 2 * n, db ? db->data : NULL);
    return 0;
}

int CPU(l2norm)(void *ctx, ctensor *x, float eps, struct tensor *y, struct tensor *norms,
                struct err *e)
{
    if (CPU_ALL_F32("l2norm", e, x, y, norms))
        return -1;
    const struct cpu *c = ctx;
    int64_t n = tensor_cols(x);

#pragma omp parallel for num_threads(map_threads(c, tensor_count(x))) schedule(static)
    for (int64_t i = 0; i < tensor_rows(x); i++) {
        const float *row = (const float *)x->data + i * n;
        float norm = fmaxf(sqrtf(row_dot(row, row, n)), eps);
        row_scale(row, n, 1.0f / norm, (float *)y->data + i * n);
        if (norms)
            ((float *)norms->data)[i] = norm;
    }
    return 0;
}

/* A row shorter than eps was divided by a constant: nothing flows along it. */
static inline void l2norm_row_dx(const float *restrict y, const float *restrict dy, int64_t n,
                                 float norm, float eps, float *restrict dx)
{
    float along = norm > eps ? row_dot(y, dy, n) : 0;
    for (int64_t j = 0; j < n; j++)
        dx[j] += (dy[j] - y[j] * along) / norm;
}

int CPU(l2norm_bwd)(void *ctx, ctensor *y, ctensor *norms, float eps, ctensor *dy,
                    struct tensor *dx, struct err *e)
{
    if (CPU_ALL_F32("l2norm_bwd", e, y, norms, dy, dx))
        return -1;
    const struct cpu *c = ctx;
    int64_t n = tensor_cols(y);

#pragma omp parallel for num_threads(map_threads(c, tensor_count(y))) schedule(static)
    for (int64_t i = 0; i < tensor_rows(y); i++)
        l2norm_row_dx((const float *)y->data + i * n, (const float *)dy->data + i * n, n,
                      ((const float *)norms->data)[i], eps, (float *)dx->data + i * n);
    return 0;
}

static inline void softmax_row(const float *x, int64_t n, float *y)
{
    float sum = row_exp(x, n, row_max(x, n), y);
    row_scale(y, n, 1.0f / sum, y);
}

int CPU(softmax)(void *ctx, ctensor *x, struct tensor *y, struct err *e)
{
    if (CPU_ALL_F32("softmax", e, x, y))
        return -1;
    const struct cpu *c = ctx;
    int64_t n = tensor_cols(x);

#pragma omp parallel for num_threads(map_threads(c, tensor_count(x))) schedule(static)
    for (int64_t i = 0; i < tensor_rows(x); i++)
        softmax_row((const float *)x->data + i * n, n, (float *)y->data + i * n);
    return 0;
}

static inline void softmax_row_dx(const float *restrict y, const float *restrict dy, int64_t n,
                                  float *restrict dx)
{
    float along = row_dot(y, dy, n);
    for (int64_t j = 0; j < n; j++)
        dx[j] += y[j] * (dy[j] - along);
}

int CPU(softmax_bwd)(void *ctx, ctensor *y, ctensor *dy, struct tensor *dx, struct err *e)
{
    if (CPU_ALL_F32("softmax_bwd", e, y, dy, dx))
        return -1;
    const struct cpu *c = ctx;
    int64_t n = tensor_cols(y);

#pragma omp parallel for num_threads(map_threads(c, tensor_count(y))) schedule(static)
    for (int64_t i = 0; i < tensor_rows(y); i++)
        softmax_row_dx((const float *)y->data + i * n, (const float *)dy->data + i * n, n,
                       (float *)dx->data + i * n);
    return 0;
}
