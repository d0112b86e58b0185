/* __nv_bfloat16: kept in 16 bits, calculated in float and rounded to nearest even after each step. */
#ifndef CUDA_HOST_CUDA_BF16_H
#define CUDA_HOST_CUDA_BF16_H

#include "tests/cuda_host/float16.h"

struct __nv_bfloat16 {
    uint16_t bits;

    __nv_bfloat16() = default;
    __nv_bfloat16(float x) : bits(half_to_bf16(x))
    {
    }
    operator float() const
    {
        return half_from_bf16(bits);
    }
};

CUDA_HOST_FLOAT16_PAIR(__nv_bfloat16, __nv_bfloat162)
CUDA_HOST_FLOAT16_OPERATORS(__nv_bfloat16, __nv_bfloat162)
CUDA_HOST_FLOAT16_CONVERSIONS(__nv_bfloat16, __nv_bfloat162, bfloat16, __bfloat162float,
                              __bfloat1622float2)

static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y)
{
    return { x, y };
}

static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x)
{
    return x.bits;
}

static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits)
{
    __nv_bfloat16 x;
    x.bits = bits;
    return x;
}

#endif
