/* __half: kept in 16 bits, calculated in float and rounded to nearest even after each step. */
#ifndef CUDA_HOST_CUDA_FP16_H
#define CUDA_HOST_CUDA_FP16_H

#include "tests/cuda_host/float16.h"

struct __half {
    uint16_t bits;

    __half() = default;
    __half(float x) : bits(half_to_f16(x))
    {
    }
    operator float() const
    {
        return half_from_f16(bits);
    }
};
typedef __half half;

CUDA_HOST_FLOAT16_PAIR(__half, __half2)
CUDA_HOST_FLOAT16_OPERATORS(__half, __half2)
typedef __half2 half2;

CUDA_HOST_FLOAT16_CONVERSIONS(__half, __half2, half, __half2float, __half22float2)

static inline __half2 __halves2half2(__half x, __half y)
{
    return { x, y };
}

static inline unsigned short __half_as_ushort(__half x)
{
    return x.bits;
}

static inline __half __ushort_as_half(unsigned short bits)
{
    __half x;
    x.bits = bits;
    return x;
}

#endif
