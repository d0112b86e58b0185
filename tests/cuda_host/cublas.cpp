/*
 * Products for cublas_v2.h, in fp32 whatever the operands are.
 *
 * cuBLAS promises the same bits for the same shape only: it sums in another order for another one.
 * So does this file, on purpose, so that code which hopes for more is found out.
 */
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <memory>
#include <vector>

#include "tests/cuda_host/error.h"
#include "tests/cuda_host/stream.h"

struct cublasContext {
    cudaStream_t stream;
    cublasMath_t math;
    cublasPointerMode_t pointers;
};

namespace cuda_host {

struct matrix {
    const void *data;
    cudaDataType type;
    int ld;
    long long stride; /* to the next of the batch, in elements */
};

struct product {
    bool trans_a, trans_b, tf32;
    int m, n, k, batch;
    matrix a, b, c;
    float alpha, beta;
    const float *alpha_at, *beta_at; /* on the device; null: the values above */
};

static size_t size_of(cudaDataType type)
{
    return type == CUDA_R_32F ? 4 : 2;
}

/* Element (i, j) of matrix `one` of the batch. */
static char *element(const matrix &x, int one, int i, int j)
{
    long long at = x.stride * one + (long long)j * x.ld + i;
    return (char *)x.data + at * (long long)size_of(x.type);
}

static float read(const char *at, cudaDataType type)
{
    switch (type) {
    case CUDA_R_16F:
        return *(const __half *)at;
    case CUDA_R_16BF:
        return *(const __nv_bfloat16 *)at;
    default:
        return *(const float *)at;
    }
}

static void write(char *at, cudaDataType type, float x)
{
    switch (type) {
    case CUDA_R_16F:
        *(__half *)at = x;
        break;
    case CUDA_R_16BF:
        *(__nv_bfloat16 *)at = x;
        break;
    default:
        *(float *)at = x;
    }
}

/* Ten bits behind the leading one, to nearest even. */
static float as_tf32(float x)
{
    unsigned u = __float_as_uint(x);
    if ((u & 0x7f800000) == 0x7f800000)
        return x;
    return __uint_as_float((u + 0xfff + (u >> 13 & 1)) & ~0x1fffu);
}

/* op(x) as [rows, cols], columns one behind the other. */
static std::vector<float> gather(const product &p, const matrix &x, bool trans, int one, int rows,
                                 int cols)
{
    std::vector<float> y((size_t)rows * cols);
    for (int j = 0; j < cols; j++)
        for (int i = 0; i < rows; i++) {
            float v = read(trans ? element(x, one, j, i) : element(x, one, i, j), x.type);
            y[(size_t)j * rows + i] = p.tf32 ? as_tf32(v) : v;
        }
    return y;
}

/* sum [m] += columns from..to of a [m, k], each times its element of b [k] */
static void add_columns(float *__restrict__ sum, const float *__restrict__ a,
                        const float *__restrict__ b, int m, int from, int to)
{
    for (int l = from; l < to; l++) {
        float by = b[l];
        const float *column = a + (size_t)l * m;
        for (int i = 0; i < m; i++)
            sum[i] += column[i] * by;
    }
}

/* Sums over pieces of k, in as many pieces as the shape says. */
static void column_of(const product &p, const float *a, const float *b, float *sum, float *piece)
{
    int n_pieces = 1 + (p.m + p.n) % 3, length = (p.k + n_pieces - 1) / n_pieces;
    std::fill(sum, sum + p.m, 0.0f);
    for (int from = 0; from < p.k; from += length) {
        std::fill(piece, piece + p.m, 0.0f);
        add_columns(piece, a, b, p.m, from, std::min(from + length, p.k));
        for (int i = 0; i < p.m; i++)
            sum[i] += piece[i];
    }
}

static void multiply_one(const product &p, int one)
{
    std::vector<float> a = gather(p, p.a, p.trans_a, one, p.m, p.k);
    std::vector<float> b = gather(p, p.b, p.trans_b, one, p.k, p.n);
    std::vector<float> sum((size_t)p.m), piece((size_t)p.m);
    for (int j = 0; j < p.n; j++) {
        column_of(p, a.data(), b.data() + (size_t)j * p.k, sum.data(), piece.data());
        for (int i = 0; i < p.m; i++) {
            char *c = element(p.c, one, i, j);
            float before = p.beta == 0 ? 0 : p.beta * read(c, p.c.type);
            write(c, p.c.type, p.alpha * sum[(size_t)i] + before);
        }
    }
}

static void multiply(product p)
{
    if (p.alpha_at) {
        p.alpha = *p.alpha_at;
        p.beta = *p.beta_at;
    }
    for (int one = 0; one < p.batch; one++)
        multiply_one(p, one);
}

/* Rows of the matrix as it is stored fit into its columns. */
static bool fits(const matrix &x, bool trans, int rows, int cols)
{
    return x.ld >= std::max(1, trans ? cols : rows);
}

static bool is_possible(const product &p)
{
    return p.m >= 0 && p.n >= 0 && p.k >= 0 && p.batch >= 0 && fits(p.a, p.trans_a, p.m, p.k) &&
           fits(p.b, p.trans_b, p.k, p.n) && fits(p.c, false, p.m, p.n);
}

static cublasStatus_t queue(cublasHandle_t handle, product p, const void *alpha, const void *beta)
{
    if (!handle)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!is_possible(p))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (handle->pointers == CUBLAS_POINTER_MODE_DEVICE) {
        p.alpha_at = (const float *)alpha;
        p.beta_at = (const float *)beta;
    } else {
        p.alpha = *(const float *)alpha;
        p.beta = *(const float *)beta;
    }
    p.tf32 = p.tf32 || handle->math == CUBLAS_TF32_TENSOR_OP_MATH;
    cudaError_t error =
        api([&] { return enqueue(handle->stream, [p] { multiply(p); }); }, "cublasGemm");
    if (error == cudaErrorMemoryAllocation)
        return CUBLAS_STATUS_ALLOC_FAILED;
    return error ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

}

using namespace cuda_host;

cublasStatus_t cublasCreate(cublasHandle_t *ret_handle)
{
    *ret_handle = new cublasContext();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle)
{
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode)
{
    handle->math = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode(cublasHandle_t handle, cublasPointerMode_t mode)
{
    handle->pointers = mode;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *, size_t)
{
    return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusString(cublasStatus_t status)
{
    static const struct {
        cublasStatus_t status;
        const char *name;
    } names[] = {
        { CUBLAS_STATUS_SUCCESS, "CUBLAS_STATUS_SUCCESS" },
        { CUBLAS_STATUS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED" },
        { CUBLAS_STATUS_ALLOC_FAILED, "CUBLAS_STATUS_ALLOC_FAILED" },
        { CUBLAS_STATUS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE" },
        { CUBLAS_STATUS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED" },
        { CUBLAS_STATUS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED" },
    };
    for (const auto &n : names)
        if (n.status == status)
            return n.name;
    return "an unknown status of cuBLAS";
}

cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t trans_a,
                           cublasOperation_t trans_b, int m, int n, int k, const float *alpha,
                           const float *a, int lda, const float *b, int ldb, const float *beta,
                           float *c, int ldc)
{
    return cublasSgemmStridedBatched(handle, trans_a, trans_b, m, n, k, alpha, a, lda, 0, b, ldb,
                                     0, beta, c, ldc, 0, 1);
}

cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t trans_a,
                                         cublasOperation_t trans_b, int m, int n, int k,
                                         const float *alpha, const float *a, int lda,
                                         long long stride_a, const float *b, int ldb,
                                         long long stride_b, const float *beta, float *c, int ldc,
                                         long long stride_c, int batch)
{
    return cublasGemmStridedBatchedEx(handle, trans_a, trans_b, m, n, k, alpha, a, CUDA_R_32F, lda,
                                      stride_a, b, CUDA_R_32F, ldb, stride_b, beta, c, CUDA_R_32F,
                                      ldc, stride_c, batch, CUBLAS_COMPUTE_32F,
                                      CUBLAS_GEMM_DEFAULT);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t trans_a,
                            cublasOperation_t trans_b, int m, int n, int k, const void *alpha,
                            const void *a, cudaDataType a_type, int lda, const void *b,
                            cudaDataType b_type, int ldb, const void *beta, void *c,
                            cudaDataType c_type, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algorithm)
{
    return cublasGemmStridedBatchedEx(handle, trans_a, trans_b, m, n, k, alpha, a, a_type, lda, 0,
                                      b, b_type, ldb, 0, beta, c, c_type, ldc, 0, 1, compute,
                                      algorithm);
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t trans_a,
                                          cublasOperation_t trans_b, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType a_type,
                                          int lda, long long stride_a, const void *b,
                                          cudaDataType b_type, int ldb, long long stride_b,
                                          const void *beta, void *c, cudaDataType c_type, int ldc,
                                          long long stride_c, int batch,
                                          cublasComputeType_t compute, cublasGemmAlgo_t)
{
    product p = {};
    p.trans_a = trans_a == CUBLAS_OP_T;
    p.trans_b = trans_b == CUBLAS_OP_T;
    p.tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    p.m = m;
    p.n = n;
    p.k = k;
    p.batch = batch;
    p.a = { a, a_type, lda, stride_a };
    p.b = { b, b_type, ldb, stride_b };
    p.c = { c, c_type, ldc, stride_c };
    if (a_type != b_type || (c_type != a_type && c_type != CUDA_R_32F))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    return queue(handle, p, alpha, beta);
}
