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

/* The sum of the lanes, always in the same order. */
static inline float vec_sum(vec v)
{
    float lane[VEC_LANES];
    vec_store(lane, v);
    for (int width = VEC_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lane[i] += lane[i + width];
    return lane[0];
}

#endif
