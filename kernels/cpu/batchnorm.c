/*
 * Batch norm of channels-last pictures, and its adjoint.
 */
#include <math.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/norm_pixels.h"

/* Batch statistics from the parts, into s; the buffers become (1 - momentum) old + momentum new,
 * where the new variance is the unbiased one. */
static void batch_stats(const struct norm_layer *l, const float *parts, float eps, float momentum,
                        struct norm_stats s, float *mean, float *var)
{
    double n = (double)l->pixels;
    for (int64_t j = 0; j < l->n; j++) {
        double m, dev;
        CPU(norm_merge)(l, parts, j, j + 1, &m, &dev);
        s.mean[j] = (float)m;
        s.inv[j] = (float)(1.0 / sqrt(dev / n + eps));
        mean[j] += momentum * ((float)m - mean[j]);
        var[j] += momentum * ((float)(dev / (n > 1 ? n - 1 : 1)) - var[j]);
    }
}

static void buffer_stats(const struct norm_layer *l, float eps, struct norm_stats s,
                         const float *mean, const float *var)
{
    for (int64_t j = 0; j < l->n; j++) {
        s.mean[j] = mean[j];
        s.inv[j] = 1.0f / sqrtf(var[j] + eps);
    }
}

int CPU(batchnorm)(void *ctx, ctensor *x, ctensor *g, ctensor *b, struct tensor *mean,
                   struct tensor *var, float momentum, float eps, bool training, struct tensor *y,
                   struct tensor *stats, struct err *e)
{
    if (CPU_ALL_F32("batchnorm", e, x, g, b, mean, var, y, stats))
        return -1;
    const struct cpu *c = ctx;
    struct norm_layer l;
    if (CPU(norm_layer_init)(&l, 1, tensor_rows(x), tensor_cols(x), tensor_cols(x), e))
        return -1;
    l.gain = g->data;
    l.bias = b->data;
    float *to = stats ? stats->data : norm_room_for_stats(c, &l, 0);
    struct norm_stats s = { to, to + l.n, 1 };

    if (training) {
        CPU(norm_moments)(c, &l, x->data, 0, 1);
        batch_stats(&l, norm_part(c, &l, 0, 0), eps, momentum, s, mean->data, var->data);
    } else {
        buffer_stats(&l, eps, s, mean->data, var->data);
    }
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < l.parts; i++)
        CPU(norm_apply)(&l, x->data, i, s, norm_own_scratch(c), y->data);
    return 0;
}

int CPU(batchnorm_bwd)(void *ctx, ctensor *x, ctensor *g, ctensor *stats, bool training,
                       ctensor *dy, struct tensor *dx, struct tensor *dg, struct tensor *db,
                       struct err *e)
{
    if (CPU_ALL_F32("batchnorm_bwd", e, x, g, stats, dy, dx, dg, db))
        return -1;
    const struct cpu *c = ctx;
    struct norm_layer l;
    if (CPU(norm_layer_init)(&l, 1, tensor_rows(x), tensor_cols(x), tensor_cols(x), e))
        return -1;
    l.gain = g->data;
    struct norm_grads d = CPU(norm_grads)(x, dy, dx, dg, db);
    struct norm_stats s = { stats->data, (float *)stats->data + l.n, 1 };

    CPU(norm_adjoint)(c, &l, &d, s, !training, 0, 1);
    return 0;
}
