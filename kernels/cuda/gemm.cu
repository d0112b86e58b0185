/*
 * Dense products: few rows times stored weights go to rows.cu, where a row's bits do not depend on
 * the others; all else to cuBLAS, in fp32 or with operands of 16 bits (gemm_half.cu), with bias and
 * activation after it.
 */
#include <limits.h>

#include "kernels/cuda/gemm_half.cuh"
#include "kernels/cuda/rows.cuh"

#define GRID_MAX 65535 /* blocks along y and z */

static bool is_few_rows(const struct backend_gemm *g)
{
    return g->m <= OP_LINEAR_ROWS && g->trans_b && !g->trans_a && g->batch <= GRID_MAX;
}

static int few_rows(const struct cuda *c, const struct backend_gemm *g, ctensor *shape,
                    struct err *e)
{
    struct finish to = { g->alpha, g->beta, g->bias, g->act == ACT_GELU, NULL, g->c, g->ldc };
    struct rows_product p = { g->m,      g->n, g->k,   g->batch,    g->a, g->lda,     g->stride_a,
                              DTYPE_F32, g->b, g->ldb, g->stride_b, to,   g->stride_c };
    cuda_rows(c, &p);
    return cuda_launched("gemm", shape, e);
}

/* What comes behind the product: beta was in it already. */
struct finish_each {
    struct finish to;
    int64_t n, m, stride; /* between the matrices of a batch */
    __device__ void operator()(int64_t k) const
    {
        struct finish one = to;
        int64_t row = quotient(k, n), batch = quotient(row, m);
        int64_t i = row - batch * m, j = k - row * n;
        one.y += batch * stride;
        one.put(i, j, one.y[i * to.ld + j]);
    }
};

/* As cuda_fail: what cuBLAS refuses does no harm. */
static int blas_fail(cublasStatus_t status, const struct backend_gemm *g, ctensor *shape,
                     struct err *e)
{
    char words[80];
    enum err_code meaning = status == CUBLAS_STATUS_ALLOC_FAILED    ? ERR_NOMEM
                            : status == CUBLAS_STATUS_INVALID_VALUE ? ERR_INTERNAL
                                                                    : ERR_DEVICE;
    cudaGetLastError(); /* told: the next launch is not to blame */
    return err_set(e, meaning, "gemm to %s, k %lld: %s",
                   tensor_describe(shape, words, sizeof words), (long long)g->k,
                   cublasGetStatusString(status));
}

/* cuBLAS stores columns: row-major C = A B is its C^T = B^T A^T. */
static cublasStatus_t full_product(struct cuda *c, const struct backend_gemm *g)
{
    return cublasSgemmStridedBatched(
        c->blas, g->trans_b ? CUBLAS_OP_T : CUBLAS_OP_N, g->trans_a ? CUBLAS_OP_T : CUBLAS_OP_N,
        (int)g->n, (int)g->m, (int)g->k, &g->alpha, g->b, (int)g->ldb, g->stride_b, g->a,
        (int)g->lda, g->stride_a, &g->beta, g->c, (int)g->ldc, g->stride_c, (int)g->batch);
}

static int many_rows(struct cuda *c, const struct backend_gemm *g, ctensor *shape, struct err *e)
{
    bool half = c->products != DTYPE_F32 && cuda_half_fits(g);
    cublasStatus_t status = half ? cuda_half_product(c, g) : full_product(c, g);
    if (status != CUBLAS_STATUS_SUCCESS)
        return blas_fail(status, g, shape, e);
    if (!g->bias && g->act == ACT_NONE)
        return cuda_launched("gemm", shape, e);
    struct finish to = { 1.0f, 0.0f, g->bias, g->act == ACT_GELU, NULL, g->c, g->ldc };
    return cuda_each(c, "gemm", shape, g->batch * g->m * g->n,
                     finish_each{ to, g->n, g->m, g->stride_c }, e);
}

int cuda_gemm(void *ctx, const struct backend_gemm *g, struct err *e)
{
    struct cuda *c = (struct cuda *)ctx;
    struct tensor shape = cuda_shape(g->batch, g->m, g->n);
    if (g->act != ACT_NONE && g->act != ACT_GELU)
        return err_set(e, ERR_UNSUPPORTED, "gemm: activation %d is not fused", (int)g->act);
    if (g->m > INT_MAX || g->n > INT_MAX || g->k > INT_MAX || g->lda > INT_MAX ||
        g->ldb > INT_MAX || g->ldc > INT_MAX || g->batch > INT_MAX)
        return err_set(e, ERR_TOO_LARGE, "gemm: a dimension is beyond %d", INT_MAX);
    return is_few_rows(g) ? few_rows(c, g, &shape, e) : many_rows(c, g, &shape, e);
}

int cuda_set_products(void *ctx, enum dtype t, struct err *e)
{
    struct cuda *c = (struct cuda *)ctx;
    if (t != DTYPE_F32 && t != DTYPE_F16 && t != DTYPE_BF16)
        return err_set(e, ERR_UNSUPPORTED, "products of %s: CUDA has f32, f16 and bf16",
                       dtype_name(t));
    c->products = t;
    return 0;
}
