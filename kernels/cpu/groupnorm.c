/*
 * Group norm (+ SiLU) of channels-last pictures, and its adjoint.
 */
#include <math.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/norm_pixels.h"

static void picture_stats(const struct norm_layer *l, const float *parts, float eps,
                          struct norm_stats s)
{
    int64_t per = l->n / l->groups;
    for (int64_t i = 0; i < l->groups; i++) {
        double mean, dev;
        CPU(norm_merge)(l, parts, i * per, (i + 1) * per, &mean, &dev);
        s.mean[i * s.step] = (float)mean;
        s.inv[i * s.step] = (float)(1.0 / sqrt(dev / (double)(l->pixels * per) + eps));
    }
}

/* Where the statistics of the block's picture i go: scratch, when nobody wants them later. */
static struct norm_stats group_stats(const struct cpu *c, const struct norm_layer *l,
                                     struct tensor *stats, int64_t first, int64_t i)
{
    float *s =
        stats ? (float *)stats->data + (first + i) * l->groups * 2 : norm_room_for_stats(c, l, i);
    return (struct norm_stats){ s, s + 1, 2 };
}

static int group_layer(struct norm_layer *l, ctensor *x, ctensor *g, ctensor *b, int groups,
                       bool silu, struct err *e)
{
    if (CPU(norm_layer_init)(l, x->dim[0], x->dim[1] * x->dim[2], x->dim[3], groups, e))
        return -1;
    l->gain = g->data;
    l->bias = b->data;
    l->silu = silu;
    return 0;
}

int CPU(groupnorm)(void *ctx, ctensor *x, ctensor *g, ctensor *b, int groups, float eps, bool silu,
                   struct tensor *y, struct tensor *stats, struct err *e)
{
    if (CPU_ALL_F32("groupnorm", e, x, g, b, y, stats))
        return -1;
    const struct cpu *c = ctx;
    struct norm_layer l;
    if (group_layer(&l, x, g, b, groups, silu, e))
        return -1;

    for (int64_t first = 0; first < l.pictures; first += c->threads) {
        int64_t block = par_min(c->threads, l.pictures - first);
        CPU(norm_moments)(c, &l, x->data, first, block);
#pragma omp parallel for num_threads(c->threads) schedule(static)
        for (int64_t i = 0; i < block; i++)
            picture_stats(&l, norm_part(c, &l, i, 0), eps, group_stats(c, &l, stats, first, i));
#pragma omp parallel for num_threads(c->threads) schedule(static)
        for (int64_t i = 0; i < block * l.parts; i++) {
            int64_t at = (first + i / l.parts) * l.pixels * l.n;
            CPU(norm_apply)
            (&l, (const float *)x->data + at, i % l.parts,
             group_stats(c, &l, stats, first, i / l.parts), norm_own_scratch(c),
             (float *)y->data + at);
        }
    }
    return 0;
}

int CPU(groupnorm_bwd)(void *ctx, ctensor *x, ctensor *g, ctensor *b, int groups, bool silu,
                       ctensor *stats, ctensor *dy, struct tensor *dx, struct tensor *dg,
                       struct tensor *db, struct err *e)
{
    if (CPU_ALL_F32("groupnorm_bwd", e, x, g, b, stats, dy, dx, dg, db))
        return -1;
    const struct cpu *c = ctx;
    struct norm_layer l;
    if (group_layer(&l, x, g, b, groups, silu, e))
        return -1;
    struct norm_grads d = CPU(norm_grads)(x, dy, dx, dg, db);
    struct norm_stats s = { stats->data, (float *)stats->data + 1, 2 };

    for (int64_t first = 0; first < l.pictures; first += c->threads) {
        int64_t block = par_min(c->threads, l.pictures - first);
        CPU(norm_adjoint)(c, &l, &d, s, false, first, block);
    }
    return 0;
}
