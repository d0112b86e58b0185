/*
 * Dense products through CBLAS, called single-threaded on tiles that depend on the shape alone.
 *
 * The library is never asked to use its own threads: it would split a product by their number, and
 * then results would depend on it.
 */
#include <cblas.h>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/par.h"
#include "kernels/cpu/vmath.h"

/* A tile is large enough for the library to run near its best, small enough to occupy threads. */
#define TILE_MAX 512
#define TILE_MIN 96
#define TILES_WANTED 32

struct tiling {
    int64_t rows, cols; /* parts of m and of n */
};

void CPU(gemm_open)(void)
{
    openblas_set_num_threads(1);
}

void CPU(sgemm)(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans,
                trans_b ? CblasTrans : CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, alpha, a,
                (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

static int64_t parts_of(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

static struct tiling tiling_for(const struct backend_gemm *g)
{
    int64_t size = TILE_MAX;
    while (size > TILE_MIN && g->batch * parts_of(g->m, size) * parts_of(g->n, size) < TILES_WANTED)
        size /= 2;
    return (struct tiling){ parts_of(g->m, size), parts_of(g->n, size) };
}

static inline void finish_row(float *restrict c, int64_t n, const float *restrict bias,
                              enum backend_act act)
{
    if (bias)
        for (int64_t j = 0; j < n; j++)
            c[j] += bias[j];
    if (act == ACT_GELU)
        for (int64_t j = 0; j < n; j++)
            c[j] = vm_gelu(c[j]);
}

static void gemm_tile(const struct backend_gemm *g, int64_t matrix, struct par_range rows,
                      struct par_range cols)
{
    const float *a = g->a + matrix * g->stride_a + rows.begin * (g->trans_a ? 1 : g->lda);
    const float *b = g->b + matrix * g->stride_b + cols.begin * (g->trans_b ? g->ldb : 1);
    float *c = g->c + matrix * g->stride_c + rows.begin * g->ldc + cols.begin;
    int64_t m = rows.end - rows.begin, n = cols.end - cols.begin;

    CPU(sgemm)
    (g->trans_a, g->trans_b, m, n, g->k, g->alpha, a, g->lda, b, g->ldb, g->beta, c, g->ldc);
    if (g->bias || g->act != ACT_NONE)
        for (int64_t i = 0; i < m; i++)
            finish_row(c + i * g->ldc, n, g->bias ? g->bias + cols.begin : NULL, g->act);
}

static void gemm_tiles(const struct cpu *c, const struct backend_gemm *g)
{
    struct tiling t = tiling_for(g);
    int64_t tiles = t.rows * t.cols;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < g->batch * tiles; i++)
        gemm_tile(g, i / tiles, par_range(g->m, t.rows, i % tiles / t.cols),
                  par_range(g->n, t.cols, i % t.cols));
}

static void gemm_few_rows(const struct cpu *c, const struct backend_gemm *g)
{
    struct backend_gemm one = *g;
    for (int64_t i = 0; i < g->batch; i++) {
        CPU(gemm_rows)(c, &one);
        one.a += g->stride_a;
        one.b += g->stride_b;
        one.c += g->stride_c;
    }
}

int CPU(gemm)(void *ctx, const struct backend_gemm *g, struct err *e)
{
    if (g->act != ACT_NONE && g->act != ACT_GELU)
        return err_set(e, ERR_UNSUPPORTED, "gemm: activation %d is not fused", (int)g->act);
    if (g->m <= OP_LINEAR_ROWS && g->trans_b && !g->trans_a)
        gemm_few_rows(ctx, g);
    else
        gemm_tiles(ctx, g);
    return 0;
}
