/*
 * Few rows times stored weights: y [m, n] = x [m, k] w [n, k]^T, the product of decoding.
 *
 * Every output is one dot product, its lanes summed over k in the same order whatever m is, so a
 * row's bits do not depend on its company. Weights are read once, in the order they lie in memory;
 * four of their rows meet XROWS rows of x in registers.
 */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/par.h"
#include "kernels/cpu/vec.h"
#include "kernels/cpu/vmath.h"

#define WROWS 4
#define XROWS (VEC_REGISTERS / 8)
/* Weight rows of one task. */
#define TASK_ROWS 16
/* Fewer multiply-adds than this are not worth waking other threads. */
#define ALONE 100000

/* Lane j of dot[i] = x row i . w row j; nx is a constant at every call. */
static inline __attribute__((always_inline)) void
dots(int nx, const float *x, int64_t ldx, const float *const w[WROWS], int64_t k, quad dot[XROWS])
{
    vec sum[XROWS][WROWS] = { 0 };
    int64_t l = 0;
    for (; l + VEC_LANES <= k; l += VEC_LANES)
        for (int i = 0; i < nx; i++)
            for (int j = 0; j < WROWS; j++)
                sum[i][j] += vec_load(x + i * ldx + l) * vec_load(w[j] + l);
    for (int i = 0; i < nx; i++)
        dot[i] = vec_sums(sum[i]);
    for (; l < k; l++) {
        quad col = { w[0][l], w[1][l], w[2][l], w[3][l] };
        for (int i = 0; i < nx; i++)
            dot[i] += x[i * ldx + l] * col;
    }
}

static inline void put(const struct backend_gemm *g, quad dot, int64_t n, float *c)
{
    for (int64_t j = 0; j < n; j++)
        c[j] = g->alpha * dot[j] + (g->beta != 0 ? g->beta * c[j] : 0);
}

/* All rows of x against weight rows j .. j + n; beyond n the last is repeated. */
static void weights_block(const struct backend_gemm *g, int64_t j, int64_t n)
{
    const float *w[WROWS];
    quad dot[XROWS];
    int64_t i = 0;

    for (int64_t r = 0; r < WROWS; r++)
        w[r] = g->b + (j + par_min(r, n - 1)) * g->ldb;
    for (; i + XROWS <= g->m; i += XROWS) {
        dots(XROWS, g->a + i * g->lda, g->lda, w, g->k, dot);
        for (int64_t r = 0; r < XROWS; r++)
            put(g, dot[r], n, g->c + (i + r) * g->ldc + j);
    }
    for (; i < g->m; i++) {
        dots(1, g->a + i * g->lda, g->lda, w, g->k, dot);
        put(g, dot[0], n, g->c + i * g->ldc + j);
    }
}

static void finish(const struct backend_gemm *g, int64_t j0, int64_t j1)
{
    for (int64_t i = 0; i < g->m; i++) {
        float *c = g->c + i * g->ldc;
        if (g->bias)
            for (int64_t j = j0; j < j1; j++)
                c[j] += g->bias[j];
        if (g->act == ACT_GELU)
            for (int64_t j = j0; j < j1; j++)
                c[j] = vm_gelu(c[j]);
    }
}

void CPU(gemm_rows)(const struct cpu *cpu, const struct backend_gemm *g)
{
    int threads = g->m * g->n * g->k < ALONE ? 1 : cpu->threads;

#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t j0 = 0; j0 < g->n; j0 += TASK_ROWS) {
        int64_t j1 = par_min(j0 + TASK_ROWS, g->n);
        for (int64_t j = j0; j < j1; j += WROWS)
            weights_block(g, j, par_min(WROWS, j1 - j));
        finish(g, j0, j1);
    }
}
