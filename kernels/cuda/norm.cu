/*
 * Norms of rows [N, D]: layer norm, l2 norm, softmax. A block a row.
 */
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/sum.cuh"

#define ROW_THREADS 128
#define EACH_COLUMN(j, n) for (int64_t j = threadIdx.x; j < (n); j += blockDim.x)

/* Launches a kernel for the rows of x. */
#define LAUNCH_ROWS(kernel, ctx, x, ...)                                                           \
    LAUNCH(kernel, (unsigned)tensor_rows(x), ROW_THREADS, 0, ((const struct cuda *)(ctx))->stream, \
           __VA_ARGS__)

/* ---- layer norm ---- */

static __global__ void layernorm_kernel(const float *x, const float *g, const float *b, int64_t n,
                                        float eps, float *y, float *stats)
{
    int64_t row = blockIdx.x;
    float sum = 0, squares = 0;
    x += row * n;
    y += row * n;
    EACH_COLUMN (j, n)
        sum += x[j];
    float mean = block_sum(sum) / (float)n;
    EACH_COLUMN (j, n)
        squares += (x[j] - mean) * (x[j] - mean);
    float inv = 1.0f / sqrtf(block_sum(squares) / (float)n + eps);
    EACH_COLUMN (j, n)
        y[j] = (x[j] - mean) * inv * g[j] + b[j];
    if (stats && threadIdx.x == 0) {
        stats[2 * row] = mean;
        stats[2 * row + 1] = inv;
    }
}

int cuda_layernorm(void *ctx, ctensor *x, ctensor *g, ctensor *b, float eps, struct tensor *y,
                   struct tensor *stats, struct err *e)
{
    if (CUDA_ALL_F32("layernorm", e, x, g, b, y, stats))
        return -1;
    LAUNCH_ROWS(layernorm_kernel, ctx, x, floats(x), floats(g), floats(b), tensor_cols(x), eps,
                floats(y), floats(stats));
    return cuda_launched("layernorm", x, e);
}

/* dx += inv (g dy - mean(g dy) - xhat mean(g dy xhat)) */
static __global__ void layernorm_dx_kernel(const float *x, const float *g, const float *stats,
                                           const float *dy, int64_t n, float *dx)
{
    int64_t row = blockIdx.x;
    float mean = stats[2 * row], inv = stats[2 * row + 1], sum = 0, along = 0;
    x += row * n;
    dy += row * n;
    dx += row * n;
    EACH_COLUMN (j, n) {
        sum += g[j] * dy[j];
        along += g[j] * dy[j] * ((x[j] - mean) * inv);
    }
    sum = block_sum(sum) / (float)n;
    along = block_sum(along) / (float)n;
    EACH_COLUMN (j, n)
        dx[j] += inv * (g[j] * dy[j] - sum - (x[j] - mean) * inv * along);
}

/* Sums of dy xhat and of dy over the rows of a part: partial [parts, 2, n]. */
struct layernorm_sums_each {
    const float *x, *stats, *dy;
    int64_t m, n, parts;
    float *partial;
    __device__ void operator()(int64_t k) const
    {
        int64_t part = quotient(k, n), j = k - part * n;
        float along = 0, sum = 0;
        for (int64_t i = m * part / parts; i < m * (part + 1) / parts; i++) {
            along += dy[i * n + j] * ((x[i * n + j] - stats[2 * i]) * stats[2 * i + 1]);
            sum += dy[i * n + j];
        }
        partial[2 * part * n + j] = along;
        partial[(2 * part + 1) * n + j] = sum;
    }
};

static int layernorm_sums(void *ctx, ctensor *x, ctensor *stats, ctensor *dy, struct tensor *dg,
                          struct tensor *db, struct err *e)
{
    float *partial = (float *)((const struct cuda *)ctx)->scratch;
    int64_t n = tensor_cols(x), m = tensor_rows(x), parts = sum_parts(m, n);
    if (2 * n > CUDA_SCRATCH_FLOATS)
        return err_set(e, ERR_TOO_LARGE, "layernorm_bwd: %lld columns do not fit the scratch",
                       (long long)n);
    layernorm_sums_each sums = { floats(x), floats(stats), floats(dy), m, n, parts, partial };
    if (cuda_each(ctx, "layernorm_bwd", x, parts * n, sums, e))
        return -1;
    if (dg && cuda_each(ctx, "layernorm_bwd", x, n,
                        add_parts_each<float>{ partial, parts, n, 2 * n, floats(dg) }, e))
        return -1;
    if (db && cuda_each(ctx, "layernorm_bwd", x, n,
                        add_parts_each<float>{ partial + n, parts, n, 2 * n, floats(db) }, e))
        return -1;
    return 0;
}

int cuda_layernorm_bwd(void *ctx, ctensor *x, ctensor *g, ctensor *stats, ctensor *dy,
                       struct tensor *dx, struct tensor *dg, struct tensor *db, struct err *e)
{
    if (CUDA_ALL_F32("layernorm_bwd", e, x, g, stats, dy, dx, dg, db))
        return -1;
    if (dx)
        LAUNCH_ROWS(layernorm_dx_kernel, ctx, x, floats(x), floats(g), floats(stats), floats(dy),
                    tensor_cols(x), floats(dx));
    if (cuda_launched("layernorm_bwd", x, e))
        return -1;
    return dg || db ? layernorm_sums(ctx, x, stats, dy, dg, db, e) : 0;
}

/* ---- l2 norm ---- */

static __global__ void l2norm_kernel(const float *x, int64_t n, float eps, float *y, float *norms)
{
    int64_t row = blockIdx.x;
    float squares = 0;
    EACH_COLUMN (j, n)
        squares += x[row * n + j] * x[row * n + j];
    float norm = fmaxf(sqrtf(block_sum(squares)), eps);
    EACH_COLUMN (j, n)
        y[row * n + j] = x[row * n + j] * (1.0f / norm);
    if (norms && threadIdx.x == 0)
        norms[row] = norm;
}

int cuda_l2norm(void *ctx, ctensor *x, float eps, struct tensor *y, struct tensor *norms,
                struct err *e)
{
    if (CUDA_ALL_F32("l2norm", e, x, y, norms))
        return -1;
    LAUNCH_ROWS(l2norm_kernel, ctx, x, floats(x), tensor_cols(x), eps, floats(y), floats(norms));
    return cuda_launched("l2norm", x, e);
}

/* A row shorter than eps was divided by a constant: nothing flows along it. */
static __global__ void l2norm_dx_kernel(const float *y, const float *norms, float eps,
                                        const float *dy, int64_t n, float *dx)
{
    int64_t row = blockIdx.x;
    float norm = norms[row], along = 0;
    EACH_COLUMN (j, n)
        along += y[row * n + j] * dy[row * n + j];
    along = norm > eps ? block_sum(along) : 0.0f;
    EACH_COLUMN (j, n)
        dx[row * n + j] += (dy[row * n + j] - y[row * n + j] * along) / norm;
}

int cuda_l2norm_bwd(void *ctx, ctensor *y, ctensor *norms, float eps, ctensor *dy,
                    struct tensor *dx, struct err *e)
{
    if (CUDA_ALL_F32("l2norm_bwd", e, y, norms, dy, dx))
        return -1;
    LAUNCH_ROWS(l2norm_dx_kernel, ctx, y, floats(y), floats(norms), eps, floats(dy), tensor_cols(y),
                floats(dx));
    return cuda_launched("l2norm_bwd", y, e);
}

/* ---- softmax ---- */

static __global__ void softmax_kernel(const float *x, int64_t n, float *y)
{
    int64_t row = blockIdx.x;
    float top = -INFINITY, sum = 0;
    x += row * n;
    y += row * n;
    EACH_COLUMN (j, n)
        top = fmaxf(top, x[j]);
    top = block_max(top);
    EACH_COLUMN (j, n) {
        y[j] = expf(x[j] - top);
        sum += y[j];
    }
    sum = block_sum(sum);
    EACH_COLUMN (j, n)
        y[j] *= 1.0f / sum;
}

int cuda_softmax(void *ctx, ctensor *x, struct tensor *y, struct err *e)
{
    if (CUDA_ALL_F32("softmax", e, x, y))
        return -1;
    LAUNCH_ROWS(softmax_kernel, ctx, x, floats(x), tensor_cols(x), floats(y));
    return cuda_launched("softmax", x, e);
}

static __global__ void softmax_dx_kernel(const float *y, const float *dy, int64_t n, float *dx)
{
    int64_t row = blockIdx.x;
    float along = 0;
    EACH_COLUMN (j, n)
        along += y[row * n + j] * dy[row * n + j];
    along = block_sum(along);
    EACH_COLUMN (j, n)
        dx[row * n + j] += y[row * n + j] * (dy[row * n + j] - along);
}

int cuda_softmax_bwd(void *ctx, ctensor *y, ctensor *dy, struct tensor *dx, struct err *e)
{
    if (CUDA_ALL_F32("softmax_bwd", e, y, dy, dx))
        return -1;
    LAUNCH_ROWS(softmax_dx_kernel, ctx, y, floats(y), floats(dy), tensor_cols(y), floats(dx));
    return cuda_launched("softmax_bwd", y, e);
}
