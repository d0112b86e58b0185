/*
 * Numbers as they are stored, to and from the floats that kernels compute with.
 */
#ifndef KERNELS_CUDA_NUMBER_CUH
#define KERNELS_CUDA_NUMBER_CUH

#include "kernels/cuda/launch.cuh"

static inline __device__ float to_float(float x)
{
    return x;
}

static inline __device__ float to_float(__half x)
{
    return __half2float(x);
}

static inline __device__ float to_float(__nv_bfloat16 x)
{
    return __bfloat162float(x);
}

/* Rounded to nearest, ties to even. */
static inline __device__ void store_float(float x, float *to)
{
    *to = x;
}

static inline __device__ void store_float(float x, __half *to)
{
    *to = __float2half_rn(x);
}

static inline __device__ void store_float(float x, __nv_bfloat16 *to)
{
    *to = __float2bfloat16_rn(x);
}

#endif
