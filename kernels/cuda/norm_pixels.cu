/*
 * Norms over the pixels of channels-last pictures: group norm (+ SiLU) and batch norm, which is
 * group norm of the whole batch seen as one picture, a group a channel.
 *
 * The pixels of a picture are cut into parts by its shape. A part gives its channels' means and
 * squared deviations (Welford), groups are put together from those in double (Chan et al.). As many
 * pictures go at a time as scratch has room for: nothing depends on it.
 */
#include "kernels/cuda/actfn.cuh"
#include "kernels/cuda/reduce.cuh"

#define PART_FLOATS 8192
#define PARTS_MAX 64
#define PICTURES_MAX 32768 /* of a launch */
#define CHANNELS 32        /* of a block: neighbours in memory */
#define LANES 8            /* pixels that a block takes at a time */

struct layer {
    int64_t pictures, pixels, n, groups; /* n: channels */
    int64_t parts;                       /* of a picture's pixels */
    const float *gain, *bias;            /* bias may be NULL: then act is the identity */
    __device__ int64_t part_begin(int64_t part) const
    {
        return pixels * part / parts;
    }
};

/* Means and 1/sigma of groups: group i's are mean[i * step] and inv[i * step]. */
struct stats {
    float *mean, *inv;
    int64_t step;
};

/* ---- moments of a part: [pictures][parts][2][n] ---- */

/* Of `count` numbers: their mean and the sum of squared deviations. */
struct moments {
    float count, mean, dev;
    __device__ void see(float x)
    {
        float d = x - mean;
        count += 1.0f;
        mean += d / count;
        dev += d * (x - mean);
    }
    __device__ void merge(const moments &m)
    {
        if (m.count == 0.0f)
            return;
        float both = count + m.count, d = m.mean - mean;
        dev += m.dev + d * d * (count * m.count / both);
        mean += d * (m.count / both);
        count = both;
    }
};

/* grid: (channels / CHANNELS, parts, pictures) */
static __global__ void moments_kernel(layer l, const float *x, float *partial)
{
    __shared__ moments lanes[LANES][CHANNELS];
    int64_t j = (int64_t)blockIdx.x * CHANNELS + threadIdx.x, part = blockIdx.y;
    int64_t end = l.part_begin(part + 1);
    moments mine = { 0.0f, 0.0f, 0.0f };
    x += (int64_t)blockIdx.z * l.pixels * l.n;
    for (int64_t i = l.part_begin(part) + threadIdx.y; i < end && j < l.n; i += LANES)
        mine.see(x[i * l.n + j]);
    lanes[threadIdx.y][threadIdx.x] = mine;
    __syncthreads();
    if (threadIdx.y > 0 || j >= l.n)
        return;
    for (int k = 1; k < LANES; k++)
        mine.merge(lanes[k][threadIdx.x]);
    partial += ((int64_t)blockIdx.z * l.parts + part) * 2 * l.n + j;
    partial[0] = mine.mean;
    partial[l.n] = mine.dev;
}

/* ---- statistics ---- */

/* Batch norm's buffers: (1 - momentum) old + momentum new, the new variance the unbiased one. */
struct running {
    float *mean, *var; /* NULL: none */
    float momentum;
};

/* A warp a group; grid: (groups, pictures). */
static __global__ void stats_kernel(layer l, const float *partial, float eps, stats to,
                                    running kept)
{
    int64_t group = blockIdx.x, per = l.n / l.groups, at = blockIdx.y * l.groups + group;
    double total = (double)(l.pixels * per), sum = 0, dev = 0;
    partial += blockIdx.y * l.parts * 2 * l.n + group * per;
    for (int64_t k = threadIdx.x; k < l.parts * per; k += WARP) {
        int64_t p = k / per;
        double count = (double)(l.part_begin(p + 1) - l.part_begin(p));
        sum += count * partial[p * 2 * l.n + k % per];
    }
    double mean = warp_reduce(sum, add_up()) / total;
    for (int64_t k = threadIdx.x; k < l.parts * per; k += WARP) {
        int64_t p = k / per;
        double count = (double)(l.part_begin(p + 1) - l.part_begin(p));
        double d = partial[p * 2 * l.n + k % per] - mean;
        dev += partial[(p * 2 + 1) * l.n + k % per] + count * d * d;
    }
    dev = warp_reduce(dev, add_up());
    if (threadIdx.x > 0)
        return;
    to.mean[at * to.step] = (float)mean;
    to.inv[at * to.step] = (float)(1.0 / sqrt(dev / total + eps));
    if (kept.mean) {
        float var = (float)(dev / (total > 1 ? total - 1 : 1));
        kept.mean[at] += kept.momentum * ((float)mean - kept.mean[at]);
        kept.var[at] += kept.momentum * (var - kept.var[at]);
    }
}

/* In evaluation the buffers are the statistics. */
struct buffer_stats_each {
    const float *mean, *var;
    float eps;
    stats to;
    __device__ void operator()(int64_t j) const
    {
        to.mean[j * to.step] = mean[j];
        to.inv[j * to.step] = 1.0f / sqrtf(var[j] + eps);
    }
};

/* ---- normalising ---- */

/* Where element i is: its channel, and its group among all pictures'. */
struct place {
    int64_t channel, group;
};

static __device__ place place_of(const layer &l, int64_t i)
{
    int64_t pixel = quotient(i, l.n), channel = i - pixel * l.n;
    return { channel,
             quotient(pixel, l.pixels) * l.groups + quotient(channel, quotient(l.n, l.groups)) };
}

template <class Act> struct normalise_each {
    layer l;
    Act act;
    stats s;
    const float *x;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        place at = place_of(l, i);
        float xhat = (x[i] - s.mean[at.group * s.step]) * s.inv[at.group * s.step];
        y[i] = act.f(xhat * l.gain[at.channel] + l.bias[at.channel]);
    }
};

template <class Act>
static int normalise(void *ctx, const char *op, const layer &l, Act act, stats s, const float *x,
                     float *y, ctensor *shape, struct err *e)
{
    normalise_each<Act> each = { l, act, s, x, y };
    return cuda_each(ctx, op, shape, l.pictures * l.pixels * l.n, each, e);
}

/* ---- layers ---- */

static int64_t picture_floats(const layer &l)
{
    return l.parts * 2 * l.n + 2 * l.n + 2 * l.groups; /* parts, their sums, what groups want */
}

static int layer_init(layer *l, int64_t pictures, int64_t pixels, int64_t n, int64_t groups,
                      ctensor *g, ctensor *b, struct err *e)
{
    int64_t parts = least(pixels * n / PART_FLOATS, PARTS_MAX);
    *l = {
        pictures, pixels, n, groups, least(parts > 1 ? parts : 1, pixels), floats(g), floats(b)
    };
    if (picture_floats(*l) > CUDA_SCRATCH_FLOATS)
        return err_set(e, ERR_TOO_LARGE, "norm: %lld channels do not fit the scratch memory",
                       (long long)n);
    return 0;
}

/* The next pictures that scratch has room for. */
static layer layer_block(const layer &l, int64_t first)
{
    layer block = l;
    int64_t fit = least(CUDA_SCRATCH_FLOATS / picture_floats(l), PICTURES_MAX);
    block.pictures = least(l.pictures - first, fit);
    return block;
}

static dim3 part_grid(const layer &l)
{
    return dim3((unsigned)ceil_div(l.n, CHANNELS), (unsigned)l.parts, (unsigned)l.pictures);
}

/* Statistics of all pictures of the layer, from x. */
static void find_stats(const struct cuda *c, const layer &l, const float *x, float eps, stats to,
                       running kept)
{
    float *partial = (float *)c->scratch;
    LAUNCH(moments_kernel, part_grid(l), dim3(CHANNELS, LANES), 0, c->stream, l, x, partial);
    LAUNCH(stats_kernel, dim3((unsigned)l.groups, (unsigned)l.pictures), WARP, 0, c->stream, l,
           partial, eps, to, kept);
}

/* Group norm of the pictures of a block; where nobody wants the statistics later, they are in
 * scratch behind the parts. */
template <class Act>
static int groupnorm_block(void *ctx, const layer &l, Act act, float eps, ctensor *x, int64_t first,
                           struct tensor *y, struct tensor *kept, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    int64_t at = first * l.pixels * l.n;
    float *to = kept ? floats(kept) + first * l.groups * 2
                     : (float *)c->scratch + l.pictures * l.parts * 2 * l.n;
    stats s = { to, to + 1, 2 };
    find_stats(c, l, floats(x) + at, eps, s, running{ NULL, NULL, 0.0f });
    return normalise(ctx, "groupnorm", l, act, s, floats(x) + at, floats(y) + at, x, e);
}

int cuda_groupnorm(void *ctx, ctensor *x, ctensor *g, ctensor *b, int groups, float eps, bool silu,
                   struct tensor *y, struct tensor *kept, struct err *e)
{
    layer l, block;
    if (CUDA_ALL_F32("groupnorm", e, x, g, b, y, kept) ||
        layer_init(&l, x->dim[0], x->dim[1] * x->dim[2], x->dim[3], groups, g, b, e))
        return -1;
    for (int64_t first = 0; first < l.pictures; first += block.pictures) {
        block = layer_block(l, first);
        if (silu ? groupnorm_block(ctx, block, SILU_FN, eps, x, first, y, kept, e)
                 : groupnorm_block(ctx, block, identity_fn(), eps, x, first, y, kept, e))
            return -1;
    }
    return 0;
}

int cuda_batchnorm(void *ctx, ctensor *x, ctensor *g, ctensor *b, struct tensor *mean,
                   struct tensor *var, float momentum, float eps, bool training, struct tensor *y,
                   struct tensor *kept, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    layer l;
    if (CUDA_ALL_F32("batchnorm", e, x, g, b, mean, var, y, kept) ||
        layer_init(&l, 1, tensor_rows(x), tensor_cols(x), tensor_cols(x), g, b, e))
        return -1;
    float *to = kept ? floats(kept) : (float *)c->scratch + l.parts * 2 * l.n;
    stats s = { to, to + l.n, 1 };
    buffer_stats_each from_buffers = { floats(mean), floats(var), eps, s };
    if (training)
        find_stats(c, l, floats(x), eps, s, running{ floats(mean), floats(var), momentum });
    else if (cuda_each(ctx, "batchnorm", x, l.n, from_buffers, e))
        return -1;
    return normalise(ctx, "batchnorm", l, identity_fn(), s, floats(x), floats(y), x, e);
}

/* ---- adjoints ---- */

/* What the adjoint knows of element i. */
struct slope {
    float xhat, dz; /* dz: the gradient before the activation */
};

template <class Act> struct grads {
    layer l;
    Act act;
    stats s;
    const float *x, *dy;
    __device__ slope at(int64_t i, int64_t channel, int64_t group) const
    {
        float xhat = (x[i] - s.mean[group * s.step]) * s.inv[group * s.step];
        float z = l.bias ? xhat * l.gain[channel] + l.bias[channel] : 0.0f;
        return { xhat, dy[i] * act.slope(z) };
    }
};

/* Sums of dz and of dz xhat over a part: [pictures][parts][2][n]. Grid as of moments_kernel. */
template <class Act> static __global__ void slope_sums_kernel(grads<Act> d, float *partial)
{
    __shared__ float lanes[2][LANES][CHANNELS];
    const layer &l = d.l;
    int64_t j = (int64_t)blockIdx.x * CHANNELS + threadIdx.x, part = blockIdx.y;
    int64_t picture = blockIdx.z, end = l.part_begin(part + 1);
    float sum = 0, along = 0;
    for (int64_t i = l.part_begin(part) + threadIdx.y; i < end && j < l.n; i += LANES) {
        slope v =
            d.at((picture * l.pixels + i) * l.n + j, j, picture * l.groups + j / (l.n / l.groups));
        sum += v.dz;
        along += v.dz * v.xhat;
    }
    lanes[0][threadIdx.y][threadIdx.x] = sum;
    lanes[1][threadIdx.y][threadIdx.x] = along;
    __syncthreads();
    if (threadIdx.y > 0 || j >= l.n)
        return;
    for (int k = 1; k < LANES; k++) {
        sum += lanes[0][k][threadIdx.x];
        along += lanes[1][k][threadIdx.x];
    }
    partial += (picture * l.parts + part) * 2 * l.n + j;
    partial[0] = sum;
    partial[l.n] = along;
}

/* The parts of a picture's sum, added in order: sums [pictures][2][n]. */
struct merge_each {
    const float *partial;
    int64_t parts, n; /* n: of both sums */
    float *sums;
    __device__ void operator()(int64_t k) const
    {
        int64_t picture = quotient(k, n), j = k - picture * n;
        float sum = 0;
        for (int64_t p = 0; p < parts; p++)
            sum += partial[(picture * parts + p) * n + j];
        sums[k] = sum;
    }
};

/* A channel's dg and db: its sums, picture by picture. */
struct gain_each {
    const float *sums;
    int64_t pictures, n;
    float *dg, *db;
    __device__ void operator()(int64_t j) const
    {
        for (int64_t b = 0; b < pictures; b++) {
            if (db)
                db[j] += sums[b * 2 * n + j];
            if (dg)
                dg[j] += sums[(b * 2 + 1) * n + j];
        }
    }
};

/* Group means of g dz and g dz xhat: means [pictures][groups][2]. */
struct group_means_each {
    layer l;
    const float *sums;
    float *means;
    __device__ void operator()(int64_t k) const
    {
        int64_t per = l.n / l.groups, picture = k / l.groups, first = k % l.groups * per;
        float shift = 0, along = 0, scale = 1.0f / (float)(l.pixels * per);
        for (int64_t j = first; j < first + per; j++) {
            shift += l.gain[j] * sums[picture * 2 * l.n + j];
            along += l.gain[j] * sums[(picture * 2 + 1) * l.n + j];
        }
        means[2 * k] = shift * scale;
        means[2 * k + 1] = along * scale;
    }
};

/* means NULL: the statistics are constants, nothing flows through them. */
template <class Act> struct dx_each {
    grads<Act> d;
    const float *means;
    float *dx;
    __device__ void operator()(int64_t i) const
    {
        place at = place_of(d.l, i);
        slope v = d.at(i, at.channel, at.group);
        float shift = means ? means[2 * at.group] : 0.0f;
        float along = means ? means[2 * at.group + 1] : 0.0f;
        dx[i] +=
            d.s.inv[at.group * d.s.step] * (d.l.gain[at.channel] * v.dz - shift - v.xhat * along);
    }
};

/* dx, dg, db: may be NULL; dx begins at the block's first picture. */
template <class Act>
static int backward(void *ctx, const char *op, const grads<Act> &d, bool constant, ctensor *shape,
                    float *dx, struct tensor *dg, struct tensor *db, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    const layer &l = d.l;
    float *partial = (float *)c->scratch, *sums = partial + l.pictures * l.parts * 2 * l.n;
    float *means = sums + l.pictures * 2 * l.n;
    LAUNCH(slope_sums_kernel<Act>, part_grid(l), dim3(CHANNELS, LANES), 0, c->stream, d, partial);
    merge_each merge = { partial, l.parts, 2 * l.n, sums };
    gain_each gain = { sums, l.pictures, l.n, floats(dg), floats(db) };
    group_means_each group = { l, sums, means };
    dx_each<Act> gradient = { d, constant ? NULL : means, dx };
    if (cuda_each(ctx, op, shape, l.pictures * 2 * l.n, merge, e) ||
        cuda_each(ctx, op, shape, l.n, gain, e))
        return -1;
    if (!dx)
        return 0;
    if (!constant && cuda_each(ctx, op, shape, l.pictures * l.groups, group, e))
        return -1;
    return cuda_each(ctx, op, shape, l.pictures * l.pixels * l.n, gradient, e);
}

template <class Act>
static int groupnorm_bwd(void *ctx, const layer &all, Act act, ctensor *x, ctensor *kept,
                         ctensor *dy, struct tensor *dx, struct tensor *dg, struct tensor *db,
                         struct err *e)
{
    layer l;
    for (int64_t first = 0; first < all.pictures; first += l.pictures) {
        l = layer_block(all, first);
        int64_t at = first * l.pixels * l.n;
        float *s = (float *)kept->data + first * l.groups * 2;
        grads<Act> d = { l, act, { s, s + 1, 2 }, floats(x) + at, floats(dy) + at };
        if (backward(ctx, "groupnorm_bwd", d, false, x, dx ? floats(dx) + at : NULL, dg, db, e))
            return -1;
    }
    return 0;
}

int cuda_groupnorm_bwd(void *ctx, ctensor *x, ctensor *g, ctensor *b, int groups, bool silu,
                       ctensor *kept, ctensor *dy, struct tensor *dx, struct tensor *dg,
                       struct tensor *db, struct err *e)
{
    layer l;
    if (CUDA_ALL_F32("groupnorm_bwd", e, x, g, b, kept, dy, dx, dg, db) ||
        layer_init(&l, x->dim[0], x->dim[1] * x->dim[2], x->dim[3], groups, g, b, e))
        return -1;
    return silu ? groupnorm_bwd(ctx, l, SILU_FN, x, kept, dy, dx, dg, db, e)
                : groupnorm_bwd(ctx, l, identity_fn(), x, kept, dy, dx, dg, db, e);
}

int cuda_batchnorm_bwd(void *ctx, ctensor *x, ctensor *g, ctensor *kept, bool training, ctensor *dy,
                       struct tensor *dx, struct tensor *dg, struct tensor *db, struct err *e)
{
    layer l;
    if (CUDA_ALL_F32("batchnorm_bwd", e, x, g, kept, dy, dx, dg, db) ||
        layer_init(&l, 1, tensor_rows(x), tensor_cols(x), tensor_cols(x), g, NULL, e))
        return -1;
    float *s = (float *)kept->data;
    grads<identity_fn> d = { l, identity_fn(), { s, s + l.n, 1 }, floats(x), floats(dy) };
    return backward(ctx, "batchnorm_bwd", d, !training, x, floats(dx), dg, db, e);
}
