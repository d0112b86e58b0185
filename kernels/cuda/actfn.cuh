/*
 * Activations and their derivatives, one type each: f(x) and slope(x). Kernels take them as
 * template arguments.
 */
#ifndef KERNELS_CUDA_ACTFN_CUH
#define KERNELS_CUDA_ACTFN_CUH

#include "kernels/cuda/launch.cuh"

static inline __device__ float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

struct identity_fn {
    __device__ float f(float x) const
    {
        return x;
    }
    __device__ float slope(float x) const
    {
        (void)x;
        return 1.0f;
    }
};

/* x Phi(x), and Phi(x) + x phi(x) */
struct gelu_fn {
    __device__ float f(float x) const
    {
        return 0.5f * x * (1.0f + erff(x * 0.707106781f));
    }
    __device__ float slope(float x) const
    {
        float phi = 0.398942280f * expf(-0.5f * x * x);
        return 0.5f * (1.0f + erff(x * 0.707106781f)) + x * phi;
    }
};

/* x sigmoid(k x): SiLU with k = 1, quick GELU with k = 1.702 */
struct sigmoid_fn {
    float k;
    __device__ float f(float x) const
    {
        return x * sigmoid(k * x);
    }
    __device__ float slope(float x) const
    {
        float s = sigmoid(k * x);
        return s + k * x * s * (1.0f - s);
    }
};

/* ReLU is leak 0; written so that NaN stays NaN. */
struct leaky_fn {
    float leak;
    __device__ float f(float x) const
    {
        return x < 0.0f ? leak * x : x;
    }
    __device__ float slope(float x) const
    {
        return x > 0.0f ? 1.0f : leak;
    }
};

#define SILU_FN                                                                                    \
    sigmoid_fn                                                                                     \
    {                                                                                              \
        1.0f                                                                                       \
    }

#endif
