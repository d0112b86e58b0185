/*
 * CUDA's arithmetic functions. The fast ones (__expf and others) are the exact ones here: their
 * error on the device is smaller than what tests allow, and its bits are the device's own.
 */
#ifndef CUDA_HOST_INTRINSICS_H
#define CUDA_HOST_INTRINSICS_H

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "tests/cuda_host/grid.h"

/* ---- whole numbers; C++ has no common min and max of mixed types, CUDA has ---- */

#define CUDA_HOST_MIN_MAX(type)                                                                    \
    static inline type min(type a, type b)                                                         \
    {                                                                                              \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    static inline type max(type a, type b)                                                         \
    {                                                                                              \
        return a < b ? b : a;                                                                      \
    }

CUDA_HOST_MIN_MAX(int)
CUDA_HOST_MIN_MAX(unsigned)
CUDA_HOST_MIN_MAX(long)
CUDA_HOST_MIN_MAX(unsigned long)
CUDA_HOST_MIN_MAX(long long)
CUDA_HOST_MIN_MAX(unsigned long long)
CUDA_HOST_MIN_MAX(float)
CUDA_HOST_MIN_MAX(double)

static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}

static inline int __popcll(unsigned long long x)
{
    return __builtin_popcountll(x);
}

static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}

static inline int __clzll(long long x)
{
    return x ? __builtin_clzll((unsigned long long)x) : 64;
}

static inline int __ffs(int x)
{
    return __builtin_ffs(x);
}

static inline int __ffsll(long long x)
{
    return __builtin_ffsll(x);
}

static inline unsigned __brev(unsigned x)
{
    unsigned y = 0;
    for (int i = 0; i < 32; i++)
        y |= (x >> i & 1) << (31 - i);
    return y;
}

static inline unsigned __umulhi(unsigned a, unsigned b)
{
    return (unsigned)((uint64_t)a * b >> 32);
}

static inline int __mulhi(int a, int b)
{
    return (int)((int64_t)a * b >> 32);
}

/* sum + the dot product of four bytes */
static inline int __dp4a(int a, int b, int sum)
{
    for (int i = 0; i < 4; i++)
        sum += (int8_t)(a >> 8 * i) * (int8_t)(b >> 8 * i);
    return sum;
}

/* ---- bits of floats ---- */

namespace cuda_host {

template <typename To, typename From> To bits_as(From x)
{
    static_assert(sizeof(To) == sizeof(From), "as many bits");
    To y;
    memcpy(&y, &x, sizeof y);
    return y;
}

}

static inline int __float_as_int(float x)
{
    return cuda_host::bits_as<int>(x);
}

static inline unsigned __float_as_uint(float x)
{
    return cuda_host::bits_as<unsigned>(x);
}

static inline float __int_as_float(int x)
{
    return cuda_host::bits_as<float>(x);
}

static inline float __uint_as_float(unsigned x)
{
    return cuda_host::bits_as<float>(x);
}

static inline long long __double_as_longlong(double x)
{
    return cuda_host::bits_as<long long>(x);
}

static inline double __longlong_as_double(long long x)
{
    return cuda_host::bits_as<double>(x);
}

/* ---- floats ---- */

#define CUDA_HOST_FLOAT_1(name, expression)                                                        \
    static inline float name(float x)                                                              \
    {                                                                                              \
        return expression;                                                                         \
    }
#define CUDA_HOST_FLOAT_2(name, expression)                                                        \
    static inline float name(float x, float y)                                                     \
    {                                                                                              \
        return expression;                                                                         \
    }

/* Names that the C library has, too, or that newer ones have. */
#define __expf expf
#define __exp10f exp10f
#define __logf logf
#define __log2f log2f
#define __sinf sinf
#define __cosf cosf
#define __tanhf tanhf
#define __powf powf
#define rsqrtf cuda_host_rsqrtf
#define rsqrt cuda_host_rsqrt
CUDA_HOST_FLOAT_1(rsqrtf, 1.0f / sqrtf(x))
CUDA_HOST_FLOAT_1(__saturatef, x > 0 ? x < 1 ? x : 1 : 0)
CUDA_HOST_FLOAT_1(__frcp_rn, 1.0f / x)
CUDA_HOST_FLOAT_1(__fsqrt_rn, sqrtf(x))
CUDA_HOST_FLOAT_1(__frsqrt_rn, 1.0f / sqrtf(x))
CUDA_HOST_FLOAT_2(__fdividef, x / y)
CUDA_HOST_FLOAT_2(__fdiv_rn, x / y)

/* Not to be fused with what is around them. */
__attribute__((noinline, optimize("fp-contract=off"))) static inline float __fadd_rn(float x,
                                                                                      float y)
{
    return x + y;
}

__attribute__((noinline, optimize("fp-contract=off"))) static inline float __fmul_rn(float x,
                                                                                      float y)
{
    return x * y;
}

static inline float __fsub_rn(float x, float y)
{
    return __fadd_rn(x, -y);
}

static inline float __fmaf_rn(float x, float y, float z)
{
    return fmaf(x, y, z);
}

static inline int __float2int_rn(float x)
{
    return (int)nearbyintf(x);
}

static inline int __float2int_rz(float x)
{
    return (int)x;
}

static inline float __int2float_rn(int x)
{
    return (float)x;
}

static inline double rsqrt(double x)
{
    return 1.0 / sqrt(x);
}

/* ---- loads and stores that say how they may be cached ---- */

template <typename T> T __ldg(const T *p)
{
    return *p;
}

template <typename T> T __ldcs(const T *p)
{
    return *p;
}

template <typename T> T __ldcg(const T *p)
{
    return *p;
}

template <typename T> void __stcs(T *p, T x)
{
    *p = x;
}

template <typename T> void __stcg(T *p, T x)
{
    *p = x;
}

[[noreturn]] static inline void __trap()
{
    cuda_host::fail("__trap");
}

#endif
