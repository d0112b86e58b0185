/*
 * The optimiser's arithmetic. Nothing here returns to the host: norm and factor stay on the device.
 */
#include <math.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/map.h"

#define UPDATE_PARTS 64

static double sum_squares(const float *x, struct par_range r)
{
    double sum = 0;

#pragma omp simd reduction(+ : sum)
    for (int64_t i = r.begin; i < r.end; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

int CPU(sum_squares)(void *ctx, ctensor *x, struct tensor *sum, struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    int64_t n = tensor_count(x);
    double part[UPDATE_PARTS];

    if (CPU_ALL_F32("sum_squares", e, x) || CPU_ALL(DTYPE_U8, "sum_squares", e, sum))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int i = 0; i < UPDATE_PARTS; i++)
        part[i] = sum_squares(px, par_range(n, UPDATE_PARTS, i));
    for (int i = 0; i < UPDATE_PARTS; i++)
        *(double *)sum->data += part[i];
    return 0;
}

int CPU(norm_of_sum)(void *ctx, ctensor *sum, struct tensor *norm, struct err *e)
{
    (void)ctx;
    if (CPU_ALL_F32("norm_of_sum", e, norm) || CPU_ALL(DTYPE_U8, "norm_of_sum", e, sum))
        return -1;
    *(float *)norm->data = (float)sqrt(*(const double *)sum->data);
    return 0;
}

int CPU(clip_factor)(void *ctx, ctensor *norm, float max_norm, struct tensor *factor, struct err *e)
{
    (void)ctx;
    if (CPU_ALL_F32("clip_factor", e, norm, factor))
        return -1;
    float f = max_norm / (*(const float *)norm->data + 1e-6f);
    *(float *)factor->data = f > 1.0f ? 1.0f : f; /* NaN stays NaN */
    return 0;
}

/* The step's numbers as they are used, from double. */
struct adamw_step {
    float keep;            /* 1 - lr * decay */
    float beta1, beta2;    /* kept of the averages */
    float new1, new2;      /* 1 - beta */
    float rate, root, eps; /* lr / correction 1; 1 / sqrt(correction 2) */
    float factor;          /* of the gradient */
};

static struct adamw_step adamw_step(const struct adamw *h, ctensor *factor)
{
    double b1 = h->beta1, b2 = h->beta2;
    double c1 = 1 - pow(b1, (double)h->step), c2 = 1 - pow(b2, (double)h->step);

    return (struct adamw_step){
        .keep = (float)(1 - (double)h->lr * h->decay),
        .beta1 = h->beta1,
        .beta2 = h->beta2,
        .new1 = (float)(1 - b1),
        .new2 = (float)(1 - b2),
        .rate = (float)(h->lr / c1),
        .root = (float)(1 / sqrt(c2)),
        .eps = h->eps,
        .factor = factor ? *(const float *)factor->data : 1.0f,
    };
}

static void adamw_block(struct adamw_step s, float *restrict w, const float *restrict grad,
                        float *restrict m, float *restrict v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float g = s.factor * grad[i];
        m[i] = s.beta1 * m[i] + s.new1 * g;
        v[i] = s.beta2 * v[i] + s.new2 * (g * g);
        w[i] = s.keep * w[i] - s.rate * (m[i] / (sqrtf(v[i]) * s.root + s.eps));
    }
}

int CPU(adamw)(void *ctx, struct tensor *w, ctensor *grad, struct tensor *m, struct tensor *v,
               const struct adamw *h, ctensor *factor, struct err *e)
{
    const struct cpu *c = ctx;
    float *pw = w->data, *pm = m->data, *pv = v->data;
    const float *pg = grad->data;
    int64_t n = tensor_count(w);

    if (CPU_ALL_F32("adamw", e, w, grad, m, v, factor))
        return -1;
    struct adamw_step s = adamw_step(h, factor);
#pragma omp parallel for num_threads(map_threads(c, 4 * n))
    for (int64_t i = 0; i < n; i += MAP_BLOCK)
        adamw_block(s, pw + i, pg + i, pm + i, pv + i, par_min(MAP_BLOCK, n - i));
    return 0;
}

int CPU(ema)(void *ctx, struct tensor *average, ctensor *w, float decay, struct err *e)
{
    const struct cpu *c = ctx;
    float *pa = average->data, take = 1.0f - decay;
    const float *pw = w->data;
    int64_t n = tensor_count(w);

    if (CPU_ALL_F32("ema", e, average, w))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int64_t i = 0; i < n; i += MAP_BLOCK)
        for (int64_t k = i; k < par_min(n, i + MAP_BLOCK); k++)
            pa[k] = decay * pa[k] + take * pw[k];
    return 0;
}
