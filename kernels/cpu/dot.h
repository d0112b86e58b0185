/*
 * Dot products of bytes: each 32-bit lane of a vector takes the sum of the products of its four
 * bytes. w holds numbers of a packed block, which are stored plus their zero point (packed.h); x
 * holds -127..127. All of it is exact, so every instruction set gives the same sums.
 *
 *     sum = ivec_fill(-dot_zero(format) * sum of all x that will come);
 *     sum = dot_q8(sum, w, x);       as often as needed
 *
 * sum is then that of (w - zero point) x: where an instruction takes bytes as they are, the start
 * makes up for the zero point, and dot_zero() tells.
 */
#ifndef KERNELS_CPU_DOT_H
#define KERNELS_CPU_DOT_H

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/cpu/packed.h"

typedef int32_t ivec __attribute__((vector_size(VEC_LANES * sizeof(int32_t))));

static inline ivec ivec_load(const void *p)
{
    ivec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline ivec ivec_fill(int32_t x)
{
    return x - (ivec){ 0 };
}

/* The same four bytes in every lane. */
static inline ivec ivec_fill_bytes(const int8_t *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return ivec_fill(x);
}

static inline vec ivec_to_vec(ivec v)
{
    return __builtin_convertvector(v, vec);
}

#if defined(__AVX512VNNI__) && VEC_LANES == 16

static inline ivec dot_bytes(ivec sum, ivec w, ivec x)
{
    return (ivec)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)w, (__m512i)x);
}
#define DOT_TAKES_ANY_BYTES

#elif defined(__AVXVNNI__) && VEC_LANES == 8

static inline ivec dot_bytes(ivec sum, ivec w, ivec x)
{
    return (ivec)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)w, (__m256i)x);
}
#define DOT_TAKES_ANY_BYTES

#elif defined(__AVX512BW__) && VEC_LANES == 16

/* Pairs of products are added in 16 bits, with saturation: |w| <= 128 keeps them below. */
static inline ivec dot_bytes(ivec sum, ivec w, ivec x)
{
    __m512i pairs = _mm512_maddubs_epi16((__m512i)w, (__m512i)x);
    return sum + (ivec)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

/* |w| x sign(w) = w x. */
static inline ivec dot_signed(ivec sum, ivec w, ivec x)
{
    __mmask64 below = _mm512_movepi8_mask((__m512i)w);
    __m512i turned = _mm512_mask_sub_epi8((__m512i)x, below, _mm512_setzero_si512(), (__m512i)x);
    return dot_bytes(sum, (ivec)_mm512_abs_epi8((__m512i)w), (ivec)turned);
}

#elif defined(__AVX2__) && VEC_LANES == 8

static inline ivec dot_bytes(ivec sum, ivec w, ivec x)
{
    __m256i pairs = _mm256_maddubs_epi16((__m256i)w, (__m256i)x);
    return sum + (ivec)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static inline ivec dot_signed(ivec sum, ivec w, ivec x)
{
    __m256i turned = _mm256_sign_epi8((__m256i)x, (__m256i)w);
    return dot_bytes(sum, (ivec)_mm256_abs_epi8((__m256i)w), (ivec)turned);
}

#else

typedef int16_t ivec_half __attribute__((vector_size(VEC_LANES * sizeof(int32_t))));

/* Bytes 0 and 2 of each lane, or 1 and 3, widened to 16 bits with their sign. */
static inline ivec_half bytes_even(ivec v)
{
    return (ivec_half)(((vec_bits)v << 8 & 0xff00ff00u)) >> 8;
}

static inline ivec_half bytes_odd(ivec v)
{
    return (ivec_half)v >> 8;
}

/* Pairs of products are added in 16 bits: |w| <= 128 keeps them below. */
static inline ivec dot_signed(ivec sum, ivec w, ivec x)
{
    ivec pairs = (ivec)(bytes_even(w) * bytes_even(x) + bytes_odd(w) * bytes_odd(x));
    return sum + (pairs >> 16) + ((ivec)((vec_bits)pairs << 16) >> 16);
}

static inline ivec dot_bytes(ivec sum, ivec w, ivec x)
{
    return dot_signed(sum, w, x);
}

#endif

#ifdef DOT_TAKES_ANY_BYTES
#define DOT_Q8_ZERO Q8_ZERO

static inline ivec dot_q8(ivec sum, ivec w, ivec x)
{
    return dot_bytes(sum, w, x);
}

#else
#define DOT_Q8_ZERO 0

static inline ivec dot_q8(ivec sum, ivec w, ivec x)
{
    return dot_signed(sum, w ^ ivec_fill((int32_t)0x80808080u), x);
}

#endif

static inline ivec dot_q4(ivec sum, ivec w, ivec x)
{
    return dot_bytes(sum, w, x);
}

static inline int32_t dot_zero(enum dtype format)
{
    return format == DTYPE_Q8_0 ? DOT_Q8_ZERO : Q4_ZERO;
}

#endif
