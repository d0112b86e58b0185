/*
 * Few rows times stored weights, as in decoding: y [m, n] = x [m, k] w [n, k]^T and what follows
 * it. A row's bits do not depend on m (rows.cu).
 */
#ifndef KERNELS_CUDA_ROWS_CUH
#define KERNELS_CUDA_ROWS_CUH

#include "kernels/cuda/actfn.cuh"

/* From sums to y: alpha sum + beta y + bias, then GELU, + residual. */
struct finish {
    float alpha, beta; /* beta 0: y is not read */
    const float *bias; /* [n]; may be NULL */
    bool gelu;
    const float *residual; /* [m, ld]; may be NULL */
    float *y;
    int64_t ld;
    __device__ void put(int64_t i, int64_t j, float sum) const
    {
        int64_t at = i * ld + j;
        /* adding -0 changes no number, not even -0 */
        float v = alpha * sum + (beta != 0.0f ? beta * y[at] : -0.0f) + (bias ? bias[j] : -0.0f);
        v = gelu ? gelu_fn().f(v) : v;
        y[at] = v + (residual ? residual[at] : -0.0f);
    }
};

/* Strided batch of products with w of F32, F16 or BF16, rows ldw numbers apart. */
struct rows_product {
    int64_t m, n, k, batch;
    const float *x;
    int64_t ldx, stride_x;
    enum dtype format;
    const void *w;
    int64_t ldw, stride_w;
    struct finish to;
    int64_t stride_y;
};

void cuda_rows(const struct cuda *c, const struct rows_product *p);

#endif
