/*
 * Losses: scalars. Sums run in double over parts that the shape alone decides, then over the parts
 * in their order. Nothing returns to the host.
 */
#include "kernels/cuda/mean.cuh"

/* ---- cross entropy: a block a row ---- */

static __device__ float log_sum_exp(const float *x, int64_t n)
{
    float top = -INFINITY;
    double sum = 0;
    for (int64_t j = threadIdx.x; j < n; j += blockDim.x)
        top = fmaxf(top, x[j]);
    top = block_max(top);
    for (int64_t j = threadIdx.x; j < n; j += blockDim.x)
        sum += expf(x[j] - top);
    return (float)(top + log(block_sum(sum)));
}

/* losses [rows]; a target out of range gives NaN, as op_embedding does. */
static __global__ void cross_entropy_kernel(const float *x, const int32_t *targets, int64_t n,
                                            double *losses, float *lse)
{
    int64_t row = blockIdx.x;
    int32_t target = targets[row];
    float log_sum = log_sum_exp(x + row * n, n);
    if (threadIdx.x > 0)
        return;
    bool known = target >= 0 && target < n;
    losses[row] = known ? (double)log_sum - x[row * n + target] : nan("");
    if (lse)
        lse[row] = log_sum;
}

int cuda_cross_entropy(void *ctx, ctensor *logits, ctensor *targets, struct tensor *loss,
                       struct tensor *lse, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    int64_t rows = tensor_rows(logits), n = tensor_cols(logits);
    double *losses = (double *)c->scratch + SUM_PARTS;
    if (CUDA_ALL_F32("cross_entropy", e, logits, loss, lse) ||
        CUDA_ALL_I32("cross_entropy", e, targets))
        return -1;
    if (rows > (int64_t)(CUDA_SCRATCH_BYTES / sizeof(double)) - SUM_PARTS)
        return err_set(e, ERR_TOO_LARGE, "cross_entropy: %lld rows do not fit the scratch memory",
                       (long long)rows);
    LAUNCH(cross_entropy_kernel, (unsigned)rows, 128, 0, c->stream, floats(logits), ints(targets),
           n, losses, floats(lse));
    return cuda_mean_of(c, "cross_entropy", logits, rows, term_of<double>{ losses }, floats(loss),
                        e);
}

/* dx += scale (softmax(x) - onehot(target)) */
struct cross_entropy_bwd_each {
    const float *x, *lse, *dout;
    const int32_t *targets;
    int64_t rows, n;
    float *dx;
    __device__ void operator()(int64_t i) const
    {
        int64_t row = quotient(i, n);
        float scale = *dout / (float)rows;
        float hot = targets[row] == i - row * n ? scale : 0.0f;
        dx[i] += scale * expf(x[i] - lse[row]) - hot;
    }
};

int cuda_cross_entropy_bwd(void *ctx, ctensor *logits, ctensor *targets, ctensor *lse,
                           ctensor *dout, struct tensor *dlogits, struct err *e)
{
    if (CUDA_ALL_F32("cross_entropy_bwd", e, logits, lse, dout, dlogits) ||
        CUDA_ALL_I32("cross_entropy_bwd", e, targets))
        return -1;
    cross_entropy_bwd_each each = { floats(logits), floats(lse),         floats(dout),
                                    ints(targets),  tensor_rows(logits), tensor_cols(logits),
                                    floats(dlogits) };
    return cuda_each(ctx, "cross_entropy_bwd", logits, tensor_count(logits), each, e);
}

/* ---- means over elements: the term of element i ---- */

struct l1_term {
    const float *a, *b;
    __device__ double operator()(int64_t i) const
    {
        return fabsf(a[i] - b[i]);
    }
};

struct l2_term {
    const float *a, *b;
    __device__ double operator()(int64_t i) const
    {
        float d = a[i] - b[i];
        return (double)d * d;
    }
};

struct hinge_term {
    const float *x;
    float sign;
    __device__ double operator()(int64_t i) const
    {
        float short_by = 1.0f - sign * x[i];
        return short_by < 0.0f ? 0.0f : short_by;
    }
};

int cuda_l1(void *ctx, ctensor *a, ctensor *b, struct tensor *loss, struct err *e)
{
    if (CUDA_ALL_F32("l1", e, a, b, loss))
        return -1;
    l1_term term = { floats(a), floats(b) };
    return cuda_mean_of((const struct cuda *)ctx, "l1", a, tensor_count(a), term, floats(loss), e);
}

int cuda_l2(void *ctx, ctensor *a, ctensor *b, struct tensor *loss, struct err *e)
{
    if (CUDA_ALL_F32("l2", e, a, b, loss))
        return -1;
    l2_term term = { floats(a), floats(b) };
    return cuda_mean_of((const struct cuda *)ctx, "l2", a, tensor_count(a), term, floats(loss), e);
}

int cuda_hinge(void *ctx, ctensor *x, float sign, struct tensor *loss, struct err *e)
{
    if (CUDA_ALL_F32("hinge", e, x, loss))
        return -1;
    hinge_term term = { floats(x), sign };
    return cuda_mean_of((const struct cuda *)ctx, "hinge", x, tensor_count(x), term, floats(loss),
                        e);
}

int cuda_mean(void *ctx, ctensor *x, struct tensor *loss, struct err *e)
{
    if (CUDA_ALL_F32("mean", e, x, loss))
        return -1;
    term_of<float> term = { floats(x) };
    return cuda_mean_of((const struct cuda *)ctx, "mean", x, tensor_count(x), term, floats(loss),
                        e);
}

/* ---- their adjoints; dout / count scales all ---- */

struct l1_slope {
    __device__ float operator()(float d) const
    {
        return (float)((d > 0.0f) - (d < 0.0f));
    }
};

struct l2_slope {
    __device__ float operator()(float d) const
    {
        return 2.0f * d;
    }
};

template <class Slope> struct difference_bwd_each {
    const float *a, *b, *dout;
    int64_t n;
    float *da, *db;
    __device__ void operator()(int64_t i) const
    {
        float g = *dout / (float)n * Slope()(a[i] - b[i]);
        if (da)
            da[i] += g;
        if (db)
            db[i] -= g;
    }
};

template <class Slope>
static int difference_bwd(void *ctx, const char *op, ctensor *a, ctensor *b, ctensor *dout,
                          struct tensor *da, struct tensor *db, struct err *e)
{
    int64_t n = tensor_count(a);
    if (CUDA_ALL_F32(op, e, a, b, dout, da, db))
        return -1;
    difference_bwd_each<Slope> each = { floats(a), floats(b),  floats(dout),
                                        n,         floats(da), floats(db) };
    return cuda_each(ctx, op, a, n, each, e);
}

int cuda_l1_bwd(void *ctx, ctensor *a, ctensor *b, ctensor *dout, struct tensor *da,
                struct tensor *db, struct err *e)
{
    return difference_bwd<l1_slope>(ctx, "l1_bwd", a, b, dout, da, db, e);
}

int cuda_l2_bwd(void *ctx, ctensor *a, ctensor *b, ctensor *dout, struct tensor *da,
                struct tensor *db, struct err *e)
{
    return difference_bwd<l2_slope>(ctx, "l2_bwd", a, b, dout, da, db, e);
}

struct hinge_bwd_each {
    const float *x, *dout;
    float sign;
    int64_t n;
    float *dx;
    __device__ void operator()(int64_t i) const
    {
        dx[i] -= 1.0f - sign * x[i] > 0.0f ? sign * (*dout / (float)n) : 0.0f;
    }
};

int cuda_hinge_bwd(void *ctx, ctensor *x, float sign, ctensor *dout, struct tensor *dx,
                   struct err *e)
{
    int64_t n = tensor_count(x);
    if (CUDA_ALL_F32("hinge_bwd", e, x, dout, dx))
        return -1;
    hinge_bwd_each each = { floats(x), floats(dout), sign, n, floats(dx) };
    return cuda_each(ctx, "hinge_bwd", x, n, each, e);
}

struct mean_bwd_each {
    const float *dout;
    int64_t n;
    float *dx;
    __device__ void operator()(int64_t i) const
    {
        dx[i] += *dout / (float)n;
    }
};

int cuda_mean_bwd(void *ctx, ctensor *dout, struct tensor *dx, struct err *e)
{
    int64_t n = tensor_count(dx);
    if (CUDA_ALL_F32("mean_bwd", e, dout, dx))
        return -1;
    return cuda_each(ctx, "mean_bwd", dx, n, mean_bwd_each{ floats(dout), n, floats(dx) }, e);
}
