/*
 * Activations, dropout and plain arithmetic on whole tensors.
 */
#include "base/rng.h"
#include "kernels/cpu/check.h"
#include "kernels/cpu/map.h"
#include "kernels/cpu/vmath.h"

/* ---- activations: y = f(x); dx += f'(x) dy ---- */

static inline float gelu(float x, float slope)
{
    (void)slope;
    return vm_gelu(x);
}

static inline float gelu_grad(float x, float slope)
{
    (void)slope;
    return vm_gelu_grad(x);
}

static inline float quick_gelu(float x, float slope)
{
    (void)slope;
    return x * vm_sigmoid(1.702f * x);
}

static inline float quick_gelu_grad(float x, float slope)
{
    float s = vm_sigmoid(1.702f * x);
    (void)slope;
    return s + 1.702f * x * s * (1.0f - s);
}

static inline float silu(float x, float slope)
{
    (void)slope;
    return vm_silu(x);
}

static inline float silu_grad(float x, float slope)
{
    (void)slope;
    return vm_silu_grad(x);
}

/* ReLU is slope 0; written so that NaN stays NaN. */
static inline float leaky(float x, float slope)
{
    return x < 0.0f ? slope * x : x;
}

static inline float leaky_grad(float x, float slope)
{
    return x > 0.0f ? 1.0f : slope;
}

typedef void act_fn(float slope, const float *x, float *y, int64_t n);
typedef void act_bwd_fn(float slope, const float *x, const float *dy, float *dx, int64_t n);

#define ACT_LOOPS(f)                                                                               \
    static void f##_loop(float slope, const float *restrict x, float *restrict y, int64_t n)       \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = f(x[i], slope);                                                                 \
    }                                                                                              \
    static void f##_bwd_loop(float slope, const float *restrict x, const float *restrict dy,       \
                             float *restrict dx, int64_t n)                                        \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            dx[i] += f##_grad(x[i], slope) * dy[i];                                                \
    }

ACT_LOOPS(gelu)
ACT_LOOPS(quick_gelu)
ACT_LOOPS(silu)
ACT_LOOPS(leaky)

static const struct {
    act_fn *forward;
    act_bwd_fn *backward;
} ACTS[] = {
    [ACT_GELU] = { gelu_loop, gelu_bwd_loop },
    [ACT_QUICK_GELU] = { quick_gelu_loop, quick_gelu_bwd_loop },
    [ACT_SILU] = { silu_loop, silu_bwd_loop },
    [ACT_RELU] = { leaky_loop, leaky_bwd_loop },
    [ACT_LEAKY_RELU] = { leaky_loop, leaky_bwd_loop },
};

static int act_check(enum backend_act act, struct err *e)
{
    if ((size_t)act >= sizeof ACTS / sizeof *ACTS || !ACTS[act].forward)
        return err_set(e, ERR_INTERNAL, "act: no activation %d", (int)act);
    return 0;
}

int CPU(act)(void *ctx, enum backend_act act, float slope, ctensor *x, struct tensor *y,
             struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    float *py = y->data, s = act == ACT_LEAKY_RELU ? slope : 0.0f;
    int64_t n = tensor_count(x);

    if (CPU_ALL_F32("act", e, x, y) || act_check(act, e))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, 8 * n))
    for (int64_t i = 0; i < n; i += MAP_BLOCK)
        ACTS[act].forward(s, px + i, py + i, par_min(MAP_BLOCK, n - i));
    return 0;
}

int CPU(act_bwd)(void *ctx, enum backend_act act, float slope, ctensor *x, ctensor *dy,
                 struct tensor *dx, struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data, *pdy = dy->data;
    float *pdx = dx->data, s = act == ACT_LEAKY_RELU ? slope : 0.0f;
    int64_t n = tensor_count(x);

    if (CPU_ALL_F32("act_bwd", e, x, dy, dx) || act_check(act, e))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, 8 * n))
    for (int64_t i = 0; i < n; i += MAP_BLOCK)
        ACTS[act].backward(s, px + i, pdy + i, pdx + i, par_min(MAP_BLOCK, n - i));
    return 0;
}

/* ---- random ---- */

/* Elements whose random words are made at a time: 64 blocks, which run side by side in vectors. */
#define DROPOUT_RUN 256

static void dropout_run(const float *restrict x, float rate, const uint32_t *restrict words,
                        float *restrict y, int64_t n, bool add)
{
    float up = 1.0f / (1.0f - rate);

    for (int64_t i = 0; i < n; i++) {
        float keep = rng_uniform_of(words[i]) >= rate ? up : 0.0f;
        y[i] = x[i] * keep + (add ? y[i] : 0.0f);
    }
}

static void dropout_block(const float *x, float rate, uint64_t seed, uint64_t stream, int64_t first,
                          float *y, int64_t n, bool add)
{
    uint32_t words[DROPOUT_RUN];

    for (int64_t i = 0; i < n; i += DROPOUT_RUN) {
        uint64_t block = (uint64_t)(first + i) / 4;
        for (uint64_t k = 0; k < DROPOUT_RUN / 4; k++)
            rng_block(seed, stream, block + k, words + 4 * k);
        dropout_run(x + i, rate, words, y + i, par_min(DROPOUT_RUN, n - i), add);
    }
}

int CPU(dropout)(void *ctx, ctensor *x, float rate, uint64_t seed, uint64_t stream, bool add,
                 struct tensor *y, struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    float *py = y->data;
    int64_t n = tensor_count(x);

    if (CPU_ALL_F32("dropout", e, x, y))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, 16 * n))
    for (int64_t i = 0; i < n; i += MAP_BLOCK)
        dropout_block(px + i, rate, seed, stream, i, py + i, par_min(MAP_BLOCK, n - i), add);
    return 0;
}

static void noise_block(const float *x, float sigma, uint64_t seed, uint64_t stream, int64_t first,
                        float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + sigma * rng_normal_at(seed, stream, (uint64_t)(first + i));
}

int CPU(add_noise)(void *ctx, ctensor *x, float sigma, uint64_t seed, uint64_t stream,
                   struct tensor *y, struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    float *py = y->data;
    int64_t n = tensor_count(x);

    if (CPU_ALL_F32("add_noise", e, x, y))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, 64 * n))
    for (int64_t i = 0; i < n; i += MAP_BLOCK)
        noise_block(px + i, sigma, seed, stream, i, py + i, par_min(MAP_BLOCK, n - i));
    return 0;
}

/* ---- sums and multiples ---- */

/* y[first..] = a[first..] + b, b of m elements over and over. */
static void add_block(const float *a, const float *b, int64_t m, int64_t first, float *y, int64_t n)
{
    for (int64_t i = 0; i < n;) {
        int64_t j = (first + i) % m, run = par_min(m - j, n - i);
        for (int64_t k = 0; k < run; k++)
            y[i + k] = a[i + k] + b[j + k];
        i += run;
    }
}

int CPU(add)(void *ctx, ctensor *a, ctensor *b, struct tensor *y, struct err *e)
{
    const struct cpu *c = ctx;
    const float *pa = a->data, *pb = b->data;
    float *py = y->data;
    int64_t n = tensor_count(a), m = tensor_count(b);

    if (CPU_ALL_F32("add", e, a, b, y))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int64_t i = 0; i < n; i += MAP_BLOCK)
        add_block(pa + i, pb, m, i, py + i, par_min(MAP_BLOCK, n - i));
    return 0;
}

int CPU(axpy)(void *ctx, float s, ctensor *x, struct tensor *y, struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    float *py = y->data;
    int64_t n = tensor_count(x);

    if (CPU_ALL_F32("axpy", e, x, y))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int64_t i = 0; i < n; i += MAP_BLOCK)
        for (int64_t k = i; k < par_min(n, i + MAP_BLOCK); k++)
            py[k] += s * px[k];
    return 0;
}

#define SUM_TILE 64 /* columns that a thread sums at a time: a few cache lines of each row */

static void sum_columns(const float *x, int64_t rows, int64_t m, int64_t n, float *y)
{
    double sum[SUM_TILE] = { 0 };

    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < n; j++)
            sum[j] += x[r * m + j];
    for (int64_t j = 0; j < n; j++)
        y[j] += (float)sum[j];
}

int CPU(sum_leading)(void *ctx, ctensor *x, struct tensor *y, struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    float *py = y->data;
    int64_t n = tensor_count(x), m = tensor_count(y);

    if (CPU_ALL_F32("sum_leading", e, x, y))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int64_t j = 0; j < m; j += SUM_TILE)
        sum_columns(px + j, n / m, m, par_min(SUM_TILE, m - j), py + j);
    return 0;
}

int CPU(fill)(void *ctx, struct tensor *y, float value, struct err *e)
{
    float *py = y->data;
    int64_t n = tensor_count(y);

    (void)ctx;
    if (CPU_ALL_F32("fill", e, y))
        return -1;
    for (int64_t i = 0; i < n; i++)
        py[i] = value;
    return 0;
}

static void scale_all(const struct cpu *c, const float *x, float s, float *y, int64_t n)
{
#pragma omp parallel for num_threads(map_threads(c, n))
    for (int64_t i = 0; i < n; i += MAP_BLOCK)
        for (int64_t k = i; k < par_min(n, i + MAP_BLOCK); k++)
            y[k] = s * x[k];
}

int CPU(scale)(void *ctx, ctensor *x, float s, struct tensor *y, struct err *e)
{
    if (CPU_ALL_F32("scale", e, x, y))
        return -1;
    scale_all(ctx, x->data, s, y->data, tensor_count(x));
    return 0;
}

int CPU(scale_exp)(void *ctx, ctensor *x, ctensor *s, struct tensor *y, struct err *e)
{
    if (CPU_ALL_F32("scale_exp", e, x, s, y))
        return -1;
    scale_all(ctx, x->data, vm_exp(*(const float *)s->data), y->data, tensor_count(x));
    return 0;
}

/* One thread: this is the logit scale of CLIP, over a batch's square of similarities. */
int CPU(scale_exp_bwd)(void *ctx, ctensor *y, ctensor *s, ctensor *dy, struct tensor *dx,
                       struct tensor *ds, struct err *e)
{
    const float *py = y->data, *pdy = dy->data;
    float up = vm_exp(*(const float *)s->data);
    int64_t n = tensor_count(y);
    double sum = 0;

    (void)ctx;
    if (CPU_ALL_F32("scale_exp_bwd", e, y, s, dy, dx, ds))
        return -1;
    for (int64_t i = 0; dx && i < n; i++)
        ((float *)dx->data)[i] += up * pdy[i];
    for (int64_t i = 0; ds && i < n; i++)
        sum += (double)pdy[i] * py[i];
    if (ds)
        *(float *)ds->data += (float)sum;
    return 0;
}
