/*
 * Vectors of floats as wide as the instruction set has registers, by the compilers' own extension:
 * + - * / work on them lane by lane, and a float beside one is spread over its lanes.
 */
#ifndef KERNELS_CPU_VEC_H
#define KERNELS_CPU_VEC_H

#include <string.h>

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

/* Lane j is the sum of the lanes of v[j], always in the same order. */
static inline quad vec_sums(const vec v[4])
{
    quad r[4] = { vec_fold(v[0]), vec_fold(v[1]), vec_fold(v[2]), vec_fold(v[3]) };
    quad_transpose(r);
    return (r[0] + r[1]) + (r[2] + r[3]);
}

#endif
