/*
 * Dense products: few rows go to gemm_rows.c, others to gemm_tiles.c, one matrix of a batch after
 * the other. CBLAS serves kernels that have their own loop over threads; it is never asked to use
 * threads itself: it would split a product by their number, and results would depend on it.
 */
#include <cblas.h>

#include "kernels/cpu/gemm.h"

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

int CPU(gemm)(void *ctx, const struct backend_gemm *g, struct err *e)
{
    if (g->act != ACT_NONE && g->act != ACT_GELU)
        return err_set(e, ERR_UNSUPPORTED, "gemm: activation %d is not fused", (int)g->act);
    bool few = g->m <= OP_LINEAR_ROWS && g->trans_b && !g->trans_a;
    struct backend_gemm one = *g;
    for (int64_t i = 0; i < g->batch; i++) {
        if (few)
            CPU(gemm_rows)(ctx, &one);
        else
            CPU(gemm_tiles)(ctx, &one);
        one.a += g->stride_a;
        one.b += g->stride_b;
        one.c += g->stride_c;
    }
    return 0;
}
