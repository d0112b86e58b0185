/*
 * What the norms over the pixels of channels-last pictures share: group norm (+ SiLU), and batch
 * norm, which is group norm of the whole batch seen as one picture, a group a channel.
 *
 * The pixels of a picture are cut into parts by its shape. As many pictures as there are threads go
 * at a time, so that the second reading of a picture finds it in cache.
 *
 * Scratch: the first half of thread i's holds the parts of the block's picture i, the second half
 * is the thread's own.
 */
#ifndef KERNELS_CPU_NORM_PIXELS_H
#define KERNELS_CPU_NORM_PIXELS_H

#include "kernels/cpu/par.h"

#define NORM_HALF_SCRATCH (CPU_SCRATCH_FLOATS / 2)

struct norm_layer {
    int64_t pictures, pixels, n, groups; /* n: channels */
    int64_t parts;                       /* of a picture's pixels */
    const float *gain, *bias;
    bool silu;
};

/* Means and 1/sigma of groups: group i's are mean[i * step] and inv[i * step]. */
struct norm_stats {
    float *mean, *inv;
    int64_t step;
};

/* What one channel of a picture needs. */
struct norm_coefs {
    float *mean, *inv;    /* of its group */
    float *shift, *along; /* adjoint: the group's means of g dz and of g dz xhat */
};

/* A layer without gain, bias and activation. UNSUPPORTED: more channels than scratch holds. */
int CPU(norm_layer_init)(struct norm_layer *l, int64_t pictures, int64_t pixels, int64_t n,
                         int64_t groups, struct err *e);

/* [2, n] floats that a part of a picture of the block gives. */
static inline float *norm_part(const struct cpu *c, const struct norm_layer *l, int64_t picture,
                               int64_t part)
{
    return (float *)c->scratch[picture] + part * 2 * l->n;
}

static inline float *norm_own_scratch(const struct cpu *c)
{
    return cpu_scratch(c) + NORM_HALF_SCRATCH;
}

/* Where the statistics of the block's picture i go that nobody wants later: behind its parts. */
static inline float *norm_room_for_stats(const struct cpu *c, const struct norm_layer *l, int64_t i)
{
    return (float *)c->scratch[i] + NORM_HALF_SCRATCH - 2 * l->groups;
}

/* Statistics of groups spread over the channels, in the thread's own scratch. */
struct norm_coefs CPU(norm_spread)(const struct norm_layer *l, struct norm_stats s, float *own);

/* ---- norm_moments.c ---- */

/* Means and squared deviations of all parts of pictures first .. first + block of x. */
void CPU(norm_moments)(const struct cpu *c, const struct norm_layer *l, const float *x,
                       int64_t first, int64_t block);
/* Mean and squared deviation, over all its pixels, of channels j0..j1 of a picture, from its parts.
 */
void CPU(norm_merge)(const struct norm_layer *l, const float *parts, int64_t j0, int64_t j1,
                     double *ret_mean, double *ret_dev);

/* ---- norm_pixels.c ---- */

/* One part of picture x: y = act((x - mean) inv gain + bias). */
void CPU(norm_apply)(const struct norm_layer *l, const float *x, int64_t part, struct norm_stats s,
                     float *own, float *y);

/* ---- norm_pixels_bwd.c ---- */

/* What an adjoint is given and wants; dx, dg, db may be NULL. */
struct norm_grads {
    const float *x, *dy;
    float *dx, *dg, *db;
};

struct norm_grads CPU(norm_grads)(ctensor *x, ctensor *dy, const struct tensor *dx,
                                  const struct tensor *dg, const struct tensor *db);
/* Adjoint of pictures first .. first + block; s: the statistics of all pictures. constant_stats:
 * nothing flows through them. */
void CPU(norm_adjoint)(const struct cpu *c, const struct norm_layer *l, const struct norm_grads *d,
                       struct norm_stats s, bool constant_stats, int64_t first, int64_t block);

#endif
