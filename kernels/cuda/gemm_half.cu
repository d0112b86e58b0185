/*
 * Large products with operands of 16 bits, for tensor cores: both are rounded into scratch, cuBLAS
 * multiplies them, sums and results are fp32.
 *
 * bf16 has the reach of fp32. f16 has not: gradients vanish in it, large numbers overflow. So each
 * operand is multiplied by the power of two that brings its largest number near the top, and the
 * result is divided by both: exactly, and found on the device, so that nobody waits. This is what
 * loss scaling is for, without a scale that somebody has to choose and watch.
 */
#include "kernels/cuda/gemm_half.cuh"
#include "kernels/cuda/number.cuh"
#include "kernels/cuda/reduce.cuh"

#define HEAD_BYTES 256    /* of scratch: struct scales; operands follow */
#define LINE_NUMBERS 8    /* rows begin at multiples of 16 bytes, as tensor cores want them */
#define TOP_EXPONENT 14   /* of the largest number: a factor of two below what f16 holds */
#define MOST_EXPONENT 120 /* of a scale: it and its inverse are plain floats */

/* Of f16; in scratch. */
struct scales {
    unsigned top[2]; /* bits of the largest magnitudes of A and B, which are in their order */
    float by[2];     /* what they are multiplied by */
    float alpha, beta;
};

/* A strided batch of matrices as they lie in memory, and where they go. */
struct operand {
    const float *x;
    int64_t batch, rows, cols, ld, stride;
    void *to; /* [batch, rows, line] */
    int64_t line;

    __host__ __device__ int64_t count() const
    {
        return batch * rows * cols;
    }
    size_t bytes() const
    {
        return (size_t)(batch * rows * line) * sizeof(__half);
    }
    __device__ float at(int64_t i, int64_t *ret_to) const
    {
        int64_t row = quotient(i, cols), one = quotient(row, rows), col = i - row * cols;
        *ret_to = row * line + col;
        return x[one * stride + (row - one * rows) * ld + col];
    }
};

static operand operand_of(const struct backend_gemm *g, bool is_b)
{
    bool turned = is_b ? g->trans_b : g->trans_a;
    int64_t outer = is_b ? g->k : g->m, inner = is_b ? g->n : g->k;
    operand o = { is_b ? g->b : g->a,
                  g->batch,
                  turned ? inner : outer,
                  turned ? outer : inner,
                  is_b ? g->ldb : g->lda,
                  is_b ? g->stride_b : g->stride_a,
                  NULL,
                  0 };
    o.line = ceil_div(o.cols, LINE_NUMBERS) * LINE_NUMBERS;
    return o;
}

bool cuda_half_fits(const struct backend_gemm *g)
{
    return operand_of(g, false).bytes() + operand_of(g, true).bytes() + HEAD_BYTES <=
           CUDA_SCRATCH_BYTES;
}

/* ---- the powers of two of f16 ---- */

static __global__ void top_kernel(operand o, unsigned *top)
{
    unsigned mine = 0;
    int64_t to;
    EACH_ELEMENT (i, o.count())
        mine = take_larger()(mine, __float_as_uint(fabsf(o.at(i, &to))));
    mine = block_max(mine);
    if (threadIdx.x == 0)
        atomicMax(top, mine); /* of whole numbers: in any order */
}

/* 2^exponent */
static __device__ float power(int exponent)
{
    return __uint_as_float((unsigned)(127 + exponent) << 23);
}

/* What brings the largest number to TOP_EXPONENT; 0: there is none, or one that is infinite or NaN
 * and stays so. */
static __device__ int shift_of(unsigned top)
{
    int exponent = (int)(top >> 23);
    if (exponent == 0 || exponent == 255)
        return 0;
    return (int)least(TOP_EXPONENT - (exponent - 127), MOST_EXPONENT);
}

static __global__ void scales_kernel(scales *s, float alpha, float beta)
{
    for (int i = 0; i < 2; i++) {
        int shift = shift_of(s->top[i]);
        s->by[i] = power(shift);
        alpha *= power(-shift);
    }
    s->alpha = alpha;
    s->beta = beta;
}

static void find_scales(struct cuda *c, const struct backend_gemm *g, const operand *o, scales *s)
{
    cudaMemsetAsync(s, 0, sizeof *s, c->stream);
    for (int i = 0; i < 2; i++)
        LAUNCH(top_kernel, cuda_blocks(c, o[i].count(), CUDA_BLOCK), CUDA_BLOCK, 0, c->stream, o[i],
               s->top + i);
    LAUNCH(scales_kernel, 1, 1, 0, c->stream, s, g->alpha, g->beta);
}

/* ---- the product ---- */

template <class T> struct round_each {
    operand o;
    const float *by; /* NULL: as they are */
    __device__ void operator()(int64_t i) const
    {
        int64_t to;
        float x = o.at(i, &to);
        store_float(by ? x * *by : x, (T *)o.to + to);
    }
};

template <class T> static void round_operands(struct cuda *c, const operand *o, const float *by)
{
    for (int i = 0; i < 2; i++) {
        round_each<T> each = { o[i], by ? by + i : NULL };
        LAUNCH(each_kernel<round_each<T>>, cuda_blocks(c, o[i].count(), CUDA_BLOCK), CUDA_BLOCK, 0,
               c->stream, o[i].count(), each);
    }
}

/* Columns, as cuBLAS stores them: see gemm.cu. */
static cublasStatus_t multiply(struct cuda *c, const struct backend_gemm *g, const operand *o,
                               cudaDataType type, const float *alpha, const float *beta)
{
    return cublasGemmStridedBatchedEx(
        c->blas, g->trans_b ? CUBLAS_OP_T : CUBLAS_OP_N, g->trans_a ? CUBLAS_OP_T : CUBLAS_OP_N,
        (int)g->n, (int)g->m, (int)g->k, alpha, o[1].to, type, (int)o[1].line,
        o[1].rows * o[1].line, o[0].to, type, (int)o[0].line, o[0].rows * o[0].line, beta, g->c,
        CUDA_R_32F, (int)g->ldc, g->stride_c, (int)g->batch, CUBLAS_COMPUTE_32F,
        CUBLAS_GEMM_DEFAULT);
}

static cublasStatus_t f16_product(struct cuda *c, const struct backend_gemm *g, const operand *o)
{
    scales *s = (scales *)c->scratch;
    find_scales(c, g, o, s);
    round_operands<__half>(c, o, s->by);
    cublasStatus_t status = cublasSetPointerMode(c->blas, CUBLAS_POINTER_MODE_DEVICE);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = multiply(c, g, o, CUDA_R_16F, &s->alpha, &s->beta);
    cublasStatus_t back = cublasSetPointerMode(c->blas, CUBLAS_POINTER_MODE_HOST);
    return status == CUBLAS_STATUS_SUCCESS ? back : status;
}

cublasStatus_t cuda_half_product(struct cuda *c, const struct backend_gemm *g)
{
    operand o[2] = { operand_of(g, false), operand_of(g, true) };
    o[0].to = (char *)c->scratch + HEAD_BYTES;
    o[1].to = (char *)o[0].to + o[0].bytes();
    if (c->products == DTYPE_F16)
        return f16_product(c, g, o);
    round_operands<__nv_bfloat16>(c, o, NULL);
    return multiply(c, g, o, CUDA_R_16BF, &g->alpha, &g->beta);
}
