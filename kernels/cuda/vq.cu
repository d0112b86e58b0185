/*
 * The nearest row of a codebook.
 *
 * |z - c|^2 = |z|^2 + (|c|^2 - 2 z.c): the bracket for all codes is a product of matrices, fast but
 * rounded. It only proposes: every code whose bracket is within the rounding error of the least one
 * is measured again, in double, and that decides. So the answer is the true one, the lowest on a
 * tie, and a row's answer does not depend on how the product was cut.
 */
#include <float.h>

#include "kernels/cuda/reduce.cuh"

#define VQ_THREADS 256

struct squares_each {
    const float *codebook;
    int64_t d;
    float *squares;
    __device__ void operator()(int64_t k) const
    {
        double sum = 0;
        for (int64_t j = 0; j < d; j++)
            sum += (double)codebook[k * d + j] * codebook[k * d + j];
        squares[k] = (float)sum;
    }
};

static __device__ double distance(const float *z, const float *c, int64_t d)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++) {
        double diff = (double)z[j] - c[j];
        sum += diff * diff;
    }
    return sum;
}

struct nearest {
    double distance;
    int32_t code;
};

static __device__ nearest nearer(nearest a, nearest b)
{
    bool second = b.distance < a.distance || (b.distance == a.distance && b.code < a.code);
    return second ? b : a;
}

/* Twice the rounding error of a bracket: a product of d terms, and the sum after it. */
static __device__ float slack_of(double z_length, double longest, int64_t d)
{
    return (float)(FLT_EPSILON * ((double)d + 4) * longest * (2 * z_length + longest));
}

/* A block a row: dots [rows, K]. */
static __global__ void nearest_kernel(const float *z, const float *codebook, const float *squares,
                                      const float *dots, int64_t K, int64_t d, int32_t *ids)
{
    int64_t row = blockIdx.x;
    float least = INFINITY, longest = 0;
    double length = 0;
    z += row * d;
    dots += row * K;
    for (int64_t j = threadIdx.x; j < d; j += blockDim.x)
        length += (double)z[j] * z[j];
    for (int64_t k = threadIdx.x; k < K; k += blockDim.x) {
        least = fminf(least, squares[k] - 2.0f * dots[k]);
        longest = fmaxf(longest, squares[k]);
    }
    least = -block_max(-least);
    longest = block_max(longest);
    float limit = least + slack_of(sqrt(block_sum(length)), sqrt((double)longest), d);
    nearest best = { INFINITY, 0 };
    for (int64_t k = threadIdx.x; k < K; k += blockDim.x)
        if (squares[k] - 2.0f * dots[k] <= limit)
            best = nearer(best, { distance(z, codebook + k * d, d), (int32_t)k });
    double found = -block_max(-best.distance);
    /* Of equally near ones the lowest: negative numbers, the largest. */
    int32_t code = -block_max(best.distance == found ? -best.code : -INT32_MAX);
    if (threadIdx.x == 0)
        ids[row] = code == INT32_MAX ? 0 : code;
}

/* dots = rows z codebook^T */
static int score(void *ctx, const float *z, int64_t rows, const float *codebook, int64_t K,
                 int64_t d, float *dots, struct err *e)
{
    struct backend_gemm g = {};
    g.m = rows;
    g.n = K;
    g.k = d;
    g.batch = 1;
    g.trans_b = true;
    g.a = z;
    g.b = codebook;
    g.c = dots;
    g.lda = g.ldb = d;
    g.ldc = K;
    g.alpha = 1.0f;
    return cuda_gemm(ctx, &g, e);
}

int cuda_nearest_code(void *ctx, ctensor *z, ctensor *codebook, struct tensor *ids, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    int64_t rows = tensor_rows(z), d = tensor_cols(z), K = tensor_rows(codebook), n;
    float *squares = (float *)c->scratch, *dots = squares + K;
    if (CUDA_ALL_F32("nearest_code", e, z, codebook) || CUDA_ALL_I32("nearest_code", e, ids))
        return -1;
    if (2 * K > CUDA_SCRATCH_FLOATS)
        return err_set(e, ERR_TOO_LARGE, "nearest_code: %lld codes do not fit the scratch memory",
                       (long long)K);
    if (cuda_each(ctx, "nearest_code", codebook, K, squares_each{ floats(codebook), d, squares },
                  e))
        return -1;
    for (int64_t i = 0; i < rows; i += n) {
        n = least(rows - i, (CUDA_SCRATCH_FLOATS - K) / K);
        if (score(ctx, floats(z) + i * d, n, floats(codebook), K, d, dots, e))
            return -1;
        LAUNCH(nearest_kernel, (unsigned)n, VQ_THREADS, 0, c->stream, floats(z) + i * d,
               floats(codebook), squares, dots, K, d, (int32_t *)ids->data + i);
    }
    return cuda_launched("nearest_code", z, e);
}
