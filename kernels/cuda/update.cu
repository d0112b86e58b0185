/*
 * The optimiser's arithmetic. Nothing here returns to the host: norm and factor stay on the device.
 */
#include <math.h>

#include "kernels/cuda/mean.cuh"

struct square_term {
    const float *x;
    __device__ double operator()(int64_t i) const
    {
        return (double)x[i] * x[i];
    }
};

int cuda_sum_squares(void *ctx, ctensor *x, struct tensor *sum, struct err *e)
{
    if (CUDA_ALL_F32("sum_squares", e, x) || cuda_all(DTYPE_U8, "sum_squares", e, sum))
        return -1;
    cuda_sum((const struct cuda *)ctx, tensor_count(x), square_term{ floats(x) }, NULL,
             (double *)sum->data);
    return cuda_launched("sum_squares", x, e);
}

struct norm_each {
    const double *sum;
    float *norm;
    __device__ void operator()(int64_t) const
    {
        *norm = (float)sqrt(*sum);
    }
};

int cuda_norm_of_sum(void *ctx, ctensor *sum, struct tensor *norm, struct err *e)
{
    if (CUDA_ALL_F32("norm_of_sum", e, norm) || cuda_all(DTYPE_U8, "norm_of_sum", e, sum))
        return -1;
    norm_each each = { (const double *)sum->data, floats(norm) };
    return cuda_each(ctx, "norm_of_sum", norm, 1, each, e);
}

struct clip_each {
    const float *norm;
    float max_norm;
    float *factor;
    __device__ void operator()(int64_t) const
    {
        float f = max_norm / (*norm + 1e-6f);
        *factor = f > 1.0f ? 1.0f : f; /* NaN stays NaN */
    }
};

int cuda_clip_factor(void *ctx, ctensor *norm, float max_norm, struct tensor *factor, struct err *e)
{
    if (CUDA_ALL_F32("clip_factor", e, norm, factor))
        return -1;
    return cuda_each(ctx, "clip_factor", norm, 1,
                     clip_each{ floats(norm), max_norm, floats(factor) }, e);
}

/* The step's numbers as they are used, from double. */
struct adamw_each {
    float keep;            /* 1 - lr * decay */
    float beta1, beta2;    /* kept of the averages */
    float new1, new2;      /* 1 - beta */
    float rate, root, eps; /* lr / correction 1; 1 / sqrt(correction 2) */
    const float *factor;   /* of the gradient; NULL: 1 */
    const float *grad;
    float *w, *m, *v;
    __device__ void operator()(int64_t i) const
    {
        float g = (factor ? *factor : 1.0f) * grad[i];
        m[i] = beta1 * m[i] + new1 * g;
        v[i] = beta2 * v[i] + new2 * (g * g);
        w[i] = keep * w[i] - rate * (m[i] / (sqrtf(v[i]) * root + eps));
    }
};

int cuda_adamw(void *ctx, struct tensor *w, ctensor *grad, struct tensor *m, struct tensor *v,
               const struct adamw *h, ctensor *factor, struct err *e)
{
    double b1 = h->beta1, b2 = h->beta2;
    double c1 = 1 - pow(b1, (double)h->step), c2 = 1 - pow(b2, (double)h->step);
    if (CUDA_ALL_F32("adamw", e, w, grad, m, v, factor))
        return -1;
    adamw_each each = {};
    each.keep = (float)(1 - (double)h->lr * h->decay);
    each.beta1 = h->beta1;
    each.beta2 = h->beta2;
    each.new1 = (float)(1 - b1);
    each.new2 = (float)(1 - b2);
    each.rate = (float)(h->lr / c1);
    each.root = (float)(1 / sqrt(c2));
    each.eps = h->eps;
    each.factor = floats(factor);
    each.grad = floats(grad);
    each.w = floats(w);
    each.m = floats(m);
    each.v = floats(v);
    return cuda_each(ctx, "adamw", w, tensor_count(w), each, e);
}

struct ema_each {
    float *average;
    const float *w;
    float keep, take;
    __device__ void operator()(int64_t i) const
    {
        average[i] = keep * average[i] + take * w[i];
    }
};

int cuda_ema(void *ctx, struct tensor *average, ctensor *w, float decay, struct err *e)
{
    if (CUDA_ALL_F32("ema", e, average, w))
        return -1;
    ema_each each = { floats(average), floats(w), decay, 1.0f - decay };
    return cuda_each(ctx, "ema", w, tensor_count(w), each, e);
}
