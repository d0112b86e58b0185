/*
 * Functions of vmath.h on whole vectors, and reductions of four vectors at once.
 */
#ifndef KERNELS_CPU_VECMATH_H
#define KERNELS_CPU_VECMATH_H

#include "kernels/cpu/vec.h"
#include "kernels/cpu/vmath.h"

/* The lanes' loop has their number for its length, so it becomes plain vector instructions. */
#define VEC_LANEWISE(name, f)                                                                      \
    static inline vec name(vec x)                                                                  \
    {                                                                                              \
        float lane[VEC_LANES];                                                                     \
        memcpy(lane, &x, sizeof x);                                                                \
        _Pragma("omp simd") for (int i = 0; i < VEC_LANES; i++) lane[i] = f(lane[i]);              \
        memcpy(&x, lane, sizeof x);                                                                \
        return x;                                                                                  \
    }

VEC_LANEWISE(vec_exp, vm_exp)

static inline vec vec_max(vec a, vec b)
{
    float x[VEC_LANES], y[VEC_LANES];
    memcpy(x, &a, sizeof a);
    memcpy(y, &b, sizeof b);
    for (int i = 0; i < VEC_LANES; i++)
        x[i] = y[i] > x[i] ? y[i] : x[i];
    memcpy(&a, x, sizeof a);
    return a;
}

static inline quad quad_max(quad a, quad b)
{
    float x[4], y[4];
    quad_store(x, a);
    quad_store(y, b);
    for (int i = 0; i < 4; i++)
        x[i] = y[i] > x[i] ? y[i] : x[i];
    return quad_load(x);
}

/* Lane j is the largest lane of v[j]. */
static inline quad vec_maxima(const vec v[4])
{
    quad r[4];
    EACH (j, 4) {
        quad part[VEC_LANES / 4];
        memcpy(part, &v[j], sizeof v[j]);
        r[j] = part[0];
        EACH (i, VEC_LANES / 4)
            r[j] = quad_max(r[j], part[i]);
    }
    quad_transpose(r);
    return quad_max(quad_max(r[0], r[1]), quad_max(r[2], r[3]));
}

#endif
