/* What __half and __nv_bfloat16 have in common. */
#ifndef CUDA_HOST_FLOAT16_H
#define CUDA_HOST_FLOAT16_H

#include <cmath>
#include <cstdint>

#include "tests/cuda_host/vector_types.h"

extern "C" {
#include "base/half.h"
}

#define CUDA_HOST_FLOAT16_PAIR(one, two)                                                           \
    struct alignas(4) two {                                                                        \
        one x, y;                                                                                  \
    };

#define CUDA_HOST_FLOAT16_OPERATOR(one, two, sign, name, name2)                                    \
    static inline one operator sign(one a, one b)                                                  \
    {                                                                                              \
        return one((float)a sign (float)b);                                                        \
    }                                                                                              \
    static inline one &operator sign##=(one &a, one b)                                             \
    {                                                                                              \
        return a = a sign b;                                                                       \
    }                                                                                              \
    static inline one name(one a, one b)                                                           \
    {                                                                                              \
        return a sign b;                                                                           \
    }                                                                                              \
    static inline two name2(two a, two b)                                                          \
    {                                                                                              \
        return { a.x sign b.x, a.y sign b.y };                                                     \
    }

#define CUDA_HOST_FLOAT16_OPERATORS(one, two)                                                      \
    CUDA_HOST_FLOAT16_OPERATOR(one, two, +, __hadd, __hadd2)                                       \
    CUDA_HOST_FLOAT16_OPERATOR(one, two, -, __hsub, __hsub2)                                       \
    CUDA_HOST_FLOAT16_OPERATOR(one, two, *, __hmul, __hmul2)                                       \
    CUDA_HOST_FLOAT16_OPERATOR(one, two, /, __hdiv, __h2div)                                       \
    static inline one __hfma(one a, one b, one c)                                                  \
    {                                                                                              \
        return one(fmaf(a, b, c));                                                                 \
    }                                                                                              \
    static inline two __hfma2(two a, two b, two c)                                                 \
    {                                                                                              \
        return { __hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y) };                                   \
    }

/* word: how the type is called inside names of functions */
#define CUDA_HOST_FLOAT16_CONVERSIONS(one, two, word, to_float, to_float2)                         \
    static inline float to_float(one x)                                                            \
    {                                                                                              \
        return x;                                                                                  \
    }                                                                                              \
    static inline float2 to_float2(two x)                                                          \
    {                                                                                              \
        return { x.x, x.y };                                                                       \
    }                                                                                              \
    static inline one __float2##word(float x)                                                      \
    {                                                                                              \
        return one(x);                                                                             \
    }                                                                                              \
    static inline one __float2##word##_rn(float x)                                                 \
    {                                                                                              \
        return one(x);                                                                             \
    }                                                                                              \
    static inline two __float2##word##2_rn(float x)                                                \
    {                                                                                              \
        return { one(x), one(x) };                                                                 \
    }                                                                                              \
    static inline two __floats2##word##2_rn(float x, float y)                                      \
    {                                                                                              \
        return { one(x), one(y) };                                                                 \
    }                                                                                              \
    static inline two __float22##word##2_rn(float2 x)                                              \
    {                                                                                              \
        return { one(x.x), one(x.y) };                                                             \
    }                                                                                              \
    static inline one __low2##word(two x)                                                          \
    {                                                                                              \
        return x.x;                                                                                \
    }                                                                                              \
    static inline one __high2##word(two x)                                                         \
    {                                                                                              \
        return x.y;                                                                                \
    }                                                                                              \
    static inline float __low2float(two x)                                                         \
    {                                                                                              \
        return x.x;                                                                                \
    }                                                                                              \
    static inline float __high2float(two x)                                                        \
    {                                                                                              \
        return x.y;                                                                                \
    }

#endif
