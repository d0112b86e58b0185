/*
 * Activations, dropout and plain arithmetic on whole tensors.
 */
#include "base/rng.h"
#include "kernels/cuda/actfn.cuh"
#include "kernels/cuda/reduce.cuh"

/* ---- activations: y = f(x); dx += f'(x) dy ---- */

template <class Act> struct act_each {
    Act act;
    const float *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] = act.f(x[i]);
    }
};

template <class Act> struct act_bwd_each {
    Act act;
    const float *x, *dy;
    float *dx;
    __device__ void operator()(int64_t i) const
    {
        dx[i] += act.slope(x[i]) * dy[i];
    }
};

/* Calls go(f) with the activation's type. */
template <class Go> static int with_act(enum backend_act act, float slope, Go go, struct err *e)
{
    switch (act) {
    case ACT_GELU:
        return go(gelu_fn{});
    case ACT_QUICK_GELU:
        return go(sigmoid_fn{ 1.702f });
    case ACT_SILU:
        return go(SILU_FN);
    case ACT_RELU:
        return go(leaky_fn{ 0.0f });
    case ACT_LEAKY_RELU:
        return go(leaky_fn{ slope });
    default:
        return err_set(e, ERR_INTERNAL, "act: no activation %d", (int)act);
    }
}

int cuda_act(void *ctx, enum backend_act act, float slope, ctensor *x, struct tensor *y,
             struct err *e)
{
    if (CUDA_ALL_F32("act", e, x, y))
        return -1;
    return with_act(
        act, slope,
        [&](auto f) {
            act_each<decltype(f)> each = { f, floats(x), floats(y) };
            return cuda_each(ctx, "act", x, tensor_count(x), each, e);
        },
        e);
}

int cuda_act_bwd(void *ctx, enum backend_act act, float slope, ctensor *x, ctensor *dy,
                 struct tensor *dx, struct err *e)
{
    if (CUDA_ALL_F32("act_bwd", e, x, dy, dx))
        return -1;
    return with_act(
        act, slope,
        [&](auto f) {
            act_bwd_each<decltype(f)> each = { f, floats(x), floats(dy), floats(dx) };
            return cuda_each(ctx, "act_bwd", x, tensor_count(x), each, e);
        },
        e);
}

/* ---- random ---- */

/* Block i of the stream: four elements. */
struct dropout_each {
    const float *x;
    float rate, up;
    uint64_t seed, stream;
    bool add;
    float *y;
    int64_t n;
    __device__ void operator()(int64_t block) const
    {
        uint32_t words[4];
        rng_block(seed, stream, (uint64_t)block, words);
        for (int64_t k = 0; k < 4 && 4 * block + k < n; k++) {
            int64_t i = 4 * block + k;
            float keep = rng_uniform_of(words[k]) >= rate ? up : 0.0f;
            y[i] = x[i] * keep + (add ? y[i] : 0.0f);
        }
    }
};

int cuda_dropout(void *ctx, ctensor *x, float rate, uint64_t seed, uint64_t stream, bool add,
                 struct tensor *y, struct err *e)
{
    int64_t n = tensor_count(x);
    if (CUDA_ALL_F32("dropout", e, x, y))
        return -1;
    dropout_each each = { floats(x), rate, 1.0f / (1.0f - rate), seed, stream, add, floats(y), n };
    return cuda_each(ctx, "dropout", x, ceil_div(n, 4), each, e);
}

struct noise_each {
    const float *x;
    float sigma;
    uint64_t seed, stream;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] = x[i] + sigma * rng_normal_at(seed, stream, (uint64_t)i);
    }
};

int cuda_add_noise(void *ctx, ctensor *x, float sigma, uint64_t seed, uint64_t stream,
                   struct tensor *y, struct err *e)
{
    if (CUDA_ALL_F32("add_noise", e, x, y))
        return -1;
    noise_each each = { floats(x), sigma, seed, stream, floats(y) };
    return cuda_each(ctx, "add_noise", x, tensor_count(x), each, e);
}

/* ---- sums and multiples ---- */

struct add_each {
    const float *a, *b;
    int64_t m; /* elements of b */
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] = a[i] + b[remainder_of(i, m)];
    }
};

int cuda_add(void *ctx, ctensor *a, ctensor *b, struct tensor *y, struct err *e)
{
    if (CUDA_ALL_F32("add", e, a, b, y))
        return -1;
    add_each each = { floats(a), floats(b), tensor_count(b), floats(y) };
    return cuda_each(ctx, "add", a, tensor_count(a), each, e);
}

struct axpy_each {
    float s;
    const float *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] += s * x[i];
    }
};

int cuda_axpy(void *ctx, float s, ctensor *x, struct tensor *y, struct err *e)
{
    if (CUDA_ALL_F32("axpy", e, x, y))
        return -1;
    return cuda_each(ctx, "axpy", x, tensor_count(x), axpy_each{ s, floats(x), floats(y) }, e);
}

struct fill_each {
    float value;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] = value;
    }
};

int cuda_fill(void *ctx, struct tensor *y, float value, struct err *e)
{
    if (CUDA_ALL_F32("fill", e, y))
        return -1;
    return cuda_each(ctx, "fill", y, tensor_count(y), fill_each{ value, floats(y) }, e);
}

struct scale_each {
    float s;
    const float *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] = s * x[i];
    }
};

int cuda_scale(void *ctx, ctensor *x, float s, struct tensor *y, struct err *e)
{
    if (CUDA_ALL_F32("scale", e, x, y))
        return -1;
    return cuda_each(ctx, "scale", x, tensor_count(x), scale_each{ s, floats(x), floats(y) }, e);
}

/* ---- multiples by e^s, s on the device: the logit scale of CLIP ---- */

struct scale_exp_each {
    const float *s, *x;
    bool add;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        y[i] = expf(*s) * x[i] + (add ? y[i] : 0.0f);
    }
};

int cuda_scale_exp(void *ctx, ctensor *x, ctensor *s, struct tensor *y, struct err *e)
{
    if (CUDA_ALL_F32("scale_exp", e, x, s, y))
        return -1;
    scale_exp_each each = { floats(s), floats(x), false, floats(y) };
    return cuda_each(ctx, "scale_exp", x, tensor_count(x), each, e);
}

/* One block: the products are a batch's square of similarities. */
static __global__ void dot_kernel(const float *a, const float *b, int64_t n, float *sum)
{
    double mine = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
        mine += (double)a[i] * b[i];
    mine = block_sum(mine);
    if (threadIdx.x == 0)
        *sum += (float)mine;
}

int cuda_scale_exp_bwd(void *ctx, ctensor *y, ctensor *s, ctensor *dy, struct tensor *dx,
                       struct tensor *ds, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    int64_t n = tensor_count(y);
    if (CUDA_ALL_F32("scale_exp_bwd", e, y, s, dy, dx, ds))
        return -1;
    scale_exp_each each = { floats(s), floats(dy), true, floats(dx) };
    if (dx && cuda_each(ctx, "scale_exp_bwd", y, n, each, e))
        return -1;
    if (ds)
        LAUNCH(dot_kernel, 1, 1024, 0, c->stream, floats(dy), floats(y), n, floats(ds));
    return cuda_launched("scale_exp_bwd", y, e);
}
