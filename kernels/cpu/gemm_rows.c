/*
 * Few rows times stored weights: y [m, n] = x [m, k] w [n, k]^T, the product of decoding.
 *
 * Every output is one dot product, its lanes summed over k in the same order whatever m is, so a
 * row's bits do not depend on its company. Weights are read once, in the order they lie in memory;
 * WROWS of them meet XROWS rows of x in registers.
 */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/par.h"
#include "kernels/cpu/vec.h"
#include "kernels/cpu/vmath.h"

#define WROWS 4
#define XROWS (VEC_REGISTERS / 8)
/* Weight rows of one task. */
#define TASK_ROWS 16

/* dot[i][j] = x row i . w row j; nx, nw are constants at every call. */
static inline __attribute__((always_inline)) void
dots(int nx, int nw, const float *x, int64_t ldx, const float *w, int64_t ldw, int64_t k,
     float dot[XROWS][WROWS])
{
    vec sum[XROWS][WROWS] = { 0 };
    int64_t l = 0;
    for (; l + VEC_LANES <= k; l += VEC_LANES)
        for (int i = 0; i < nx; i++)
            for (int j = 0; j < nw; j++)
                sum[i][j] += vec_load(x + i * ldx + l) * vec_load(w + j * ldw + l);
    for (int i = 0; i < nx; i++)
        for (int j = 0; j < nw; j++) {
            dot[i][j] = vec_sum(sum[i][j]);
            for (int64_t t = l; t < k; t++)
                dot[i][j] += x[i * ldx + t] * w[j * ldw + t];
        }
}

/* c [nx, nw] from dot products. */
static inline void put(const struct backend_gemm *g, int64_t nx, int64_t nw,
                       float dot[XROWS][WROWS], float *c)
{
    for (int64_t i = 0; i < nx; i++)
        for (int64_t j = 0; j < nw; j++) {
            float old = g->beta != 0 ? g->beta * c[i * g->ldc + j] : 0;
            c[i * g->ldc + j] = g->alpha * dot[i][j] + old;
        }
}

/* All rows of x against weight rows j .. j + nw. */
static void weights_block(const struct backend_gemm *g, int64_t j, int64_t nw)
{
    const float *w = g->b + j * g->ldb;
    float dot[XROWS][WROWS];
    int64_t i = 0;

    for (; nw == WROWS && i + XROWS <= g->m; i += XROWS) {
        dots(XROWS, WROWS, g->a + i * g->lda, g->lda, w, g->ldb, g->k, dot);
        put(g, XROWS, WROWS, dot, g->c + i * g->ldc + j);
    }
    for (; nw == WROWS && i < g->m; i++) {
        dots(1, WROWS, g->a + i * g->lda, g->lda, w, g->ldb, g->k, dot);
        put(g, 1, WROWS, dot, g->c + i * g->ldc + j);
    }
    for (; i < g->m; i++)
        for (int64_t t = 0; t < nw; t++) {
            dots(1, 1, g->a + i * g->lda, g->lda, w + t * g->ldb, g->ldb, g->k, dot);
            put(g, 1, 1, dot, g->c + i * g->ldc + j + t);
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
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (int64_t j0 = 0; j0 < g->n; j0 += TASK_ROWS) {
        int64_t j1 = par_min(j0 + TASK_ROWS, g->n);
        for (int64_t j = j0; j < j1; j += WROWS)
            weights_block(g, j, par_min(WROWS, j1 - j));
        finish(g, j0, j1);
    }
}
