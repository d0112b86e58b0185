/*
 * Vectors of floats as wide as the instruction set has registers, by the compilers' own extension:
 * + - * / work on them lane by lane, and a float beside one is spread over its lanes.
 */
#ifndef KERNELS_CPU_VEC_H
#define KERNELS_CPU_VEC_H

#include <stdint.h>
#include <string.h>
#ifdef __F16C__
#include <immintrin.h>
#endif

#include "base/half.h"

#if defined(__AVX512F__)
#define VEC_LANES 16
#define VEC_REGISTERS 32
#elif defined(__AVX__)
#define VEC_LANES 8
#define VEC_REGISTERS 16
#else
#define VEC_LANES 4
#define VEC_REGISTERS 16
#endif

/* A loop that vanishes: n is a small constant wherever this is compiled for speed. */
#define EACH(i, n) _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++)
/* What is made of such loops: their n are constants where it is inlined. */
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(VEC_LANES * sizeof(float))));

static inline vec vec_load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vec_store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

/* VEC_LANES numbers of 16 bits each, at any address: bfloat16 and IEEE half. */
typedef uint16_t vec_half __attribute__((vector_size(VEC_LANES * sizeof(uint16_t))));
typedef uint32_t vec_bits __attribute__((vector_size(VEC_LANES * sizeof(uint32_t))));

static inline vec vec_load_bf16(const void *p)
{
    vec_half h;
    memcpy(&h, p, sizeof h);
    vec_bits u = __builtin_convertvector(h, vec_bits) << 16;
    vec v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static inline vec vec_load_f16(const void *p)
{
#if defined(__F16C__) && VEC_LANES == 16
    return (vec)_mm512_cvtph_ps(_mm256_loadu_si256(p));
#elif defined(__F16C__) && VEC_LANES == 8
    return (vec)_mm256_cvtph_ps(_mm_loadu_si128(p));
#else
    /* As half_from_f16: exponent and mantissa in their places, the bias by a product. */
    vec_half h;
    memcpy(&h, p, sizeof h);
    vec_bits u = __builtin_convertvector(h, vec_bits), rest = (u & 0x7fff) << 13;
    vec scaled;
    memcpy(&scaled, &rest, sizeof scaled);
    scaled *= 0x1p112f;
    vec_bits bits, infinite = (vec_bits)(rest >= 0x7c00u << 13) & 0x7f800000u;
    memcpy(&bits, &scaled, sizeof bits);
    bits |= infinite | (u & 0x8000) << 16;
    memcpy(&scaled, &bits, sizeof scaled);
    return scaled;
#endif
}

static inline void vec_store_f16(void *p, vec v)
{
#if defined(__F16C__) && VEC_LANES == 16
    _mm256_storeu_si256(p, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__) && VEC_LANES == 8
    _mm_storeu_si128(p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
#else
    uint16_t h[VEC_LANES];
    for (int i = 0; i < VEC_LANES; i++)
        h[i] = half_to_f16(v[i]);
    memcpy(p, h, sizeof h);
#endif
}

/* Four lanes, on every instruction set. */
typedef float quad __attribute__((vector_size(4 * sizeof(float))));

static inline quad quad_load(const float *p)
{
    quad q;
    memcpy(&q, p, sizeof q);
    return q;
}

static inline void quad_store(float *p, quad q)
{
    memcpy(p, &q, sizeof q);
}

/* Lanes that are a multiple of four apart, added. */
static inline quad vec_fold(vec v)
{
    quad q[VEC_LANES / 4];
    memcpy(q, &v, sizeof v);
    for (int width = VEC_LANES / 8; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            q[i] += q[i + width];
    return q[0];
}

/* Rows become columns. */
static inline void quad_transpose(quad r[4])
{
    quad lo0 = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
    quad lo1 = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
    quad hi0 = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    quad hi1 = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    r[0] = __builtin_shufflevector(lo0, lo1, 0, 1, 4, 5);
    r[1] = __builtin_shufflevector(lo0, lo1, 2, 3, 6, 7);
    r[2] = __builtin_shufflevector(hi0, hi1, 0, 1, 4, 5);
    r[3] = __builtin_shufflevector(hi0, hi1, 2, 3, 6, 7);
}

/* ---- a square of VEC_LANES vectors: rows become columns ---- */

#if VEC_LANES == 16
#define VEC_EACH_LANE(f, w)                                                                        \
    f(w, 0), f(w, 1), f(w, 2), f(w, 3), f(w, 4), f(w, 5), f(w, 6), f(w, 7), f(w, 8), f(w, 9),      \
        f(w, 10), f(w, 11), f(w, 12), f(w, 13), f(w, 14), f(w, 15)
#elif VEC_LANES == 8
#define VEC_EACH_LANE(f, w) f(w, 0), f(w, 1), f(w, 2), f(w, 3), f(w, 4), f(w, 5), f(w, 6), f(w, 7)
#else
#define VEC_EACH_LANE(f, w) f(w, 0), f(w, 1), f(w, 2), f(w, 3)
#endif

/* Of rows i and i + w, the lanes whose bit w differs from the row's change places: done for every
 * power of two, row and lane have changed all their bits. */
#define VEC_LOW(w, lane) ((lane) & (w) ? VEC_LANES + ((lane) ^ (w)) : (lane))
#define VEC_HIGH(w, lane) ((lane) & (w) ? VEC_LANES + (lane) : (lane) ^ (w))
#define VEC_EXCHANGE(r, w)                                                                         \
    EACH (i, VEC_LANES)                                                                            \
        if (!(i & (w))) {                                                                          \
            vec low = r[i], high = r[i + (w)];                                                     \
            r[i] = __builtin_shufflevector(low, high, VEC_EACH_LANE(VEC_LOW, w));                  \
            r[i + (w)] = __builtin_shufflevector(low, high, VEC_EACH_LANE(VEC_HIGH, w));           \
        }

INLINE void vec_transpose(vec r[VEC_LANES])
{
    VEC_EXCHANGE(r, 1)
    VEC_EXCHANGE(r, 2)
#if VEC_LANES > 4
    VEC_EXCHANGE(r, 4)
#endif
#if VEC_LANES > 8
    VEC_EXCHANGE(r, 8)
#endif
}

/* Lane j is the sum of the lanes of v[j], always in the same order. */
static inline quad vec_sums(const vec v[4])
{
    quad r[4] = { vec_fold(v[0]), vec_fold(v[1]), vec_fold(v[2]), vec_fold(v[3]) };
    quad_transpose(r);
    return (r[0] + r[1]) + (r[2] + r[3]);
}

#endif
