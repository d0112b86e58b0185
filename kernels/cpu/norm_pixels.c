/*
 * Norms over the pixels of channels-last pictures: group norm (+ SiLU) and batch norm, which is
 * group norm of the whole batch seen as one picture, a group a channel.
 *
 * The pixels of a picture are cut into parts by its shape. Every part gives its channels' means and
 * squared deviations (two passes over a chunk in cache, chunks merged after Chan et al.); groups
 * are put together from those in double. As many pictures as there are threads go at a time, so
 * that the second reading of a picture finds it in cache.
 *
 * Scratch: the first half of thread i's holds the parts of the block's picture i, the second half
 * is the thread's own.
 */
#include <math.h>
#include <string.h>

#include "kernels/cpu/check.h"
#include "kernels/cpu/par.h"
#include "kernels/cpu/vmath.h"

#define CHUNK_FLOATS 4096
#define PART_FLOATS 8192
#define PARTS_MAX 64
#define HALF_SCRATCH (CPU_SCRATCH_FLOATS / 2)
/* Arrays of n floats in the second half: coefficients of a picture, or moments of a chunk. */
#define OWN_ARRAYS 6

struct layer {
    int64_t pictures, pixels, n, groups; /* n: channels */
    int64_t parts;                       /* of a picture's pixels */
    const float *gain, *bias;
    bool silu;
};

/* What one channel of a picture needs. */
struct coefs {
    float *mean, *inv;    /* of its group */
    float *shift, *along; /* adjoint: the group's means of g dz and of g dz xhat */
};

/* Means and 1/sigma of groups: group i's are mean[i * step] and inv[i * step]. */
struct stats {
    float *mean, *inv;
    int64_t step;
};

static int layer_init(struct layer *l, int64_t pictures, int64_t pixels, int64_t n, int64_t groups,
                      struct err *e)
{
    if (n * OWN_ARRAYS > HALF_SCRATCH)
        return err_set(e, ERR_UNSUPPORTED, "norm: %lld channels, scratch holds %lld", (long long)n,
                       (long long)HALF_SCRATCH / OWN_ARRAYS);
    int64_t fit = HALF_SCRATCH / (2 * n) - 1; /* room for the group statistics is left */
    int64_t parts = par_min(pixels * n / PART_FLOATS, par_min(PARTS_MAX, fit));
    *l = (struct layer){ .pictures = pictures, .pixels = pixels, .n = n, .groups = groups };
    l->parts = par_min(parts > 1 ? parts : 1, pixels);
    return 0;
}

static float *part_of(const struct cpu *c, const struct layer *l, int64_t picture, int64_t part)
{
    return (float *)c->scratch[picture] + part * 2 * l->n;
}

static float *own_scratch(const struct cpu *c)
{
    return cpu_scratch(c) + HALF_SCRATCH;
}

static inline void chunk_moments(const float *restrict x, int64_t pixels, int64_t n,
                                 float *restrict mean, float *restrict dev)
{
    memset(mean, 0, (size_t)n * sizeof *mean);
    memset(dev, 0, (size_t)n * sizeof *dev);
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t j = 0; j < n; j++)
            mean[j] += x[i * n + j];
    for (int64_t j = 0; j < n; j++)
        mean[j] *= 1.0f / (float)pixels;
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t j = 0; j < n; j++)
            dev[j] += (x[i * n + j] - mean[j]) * (x[i * n + j] - mean[j]);
}

/* Merges m more pixels with moments more_* into those of `seen` pixels. */
static inline void merge_moments(int64_t n, int64_t seen, float *restrict mean, float *restrict dev,
                                 int64_t m, const float *restrict more_mean,
                                 const float *restrict more_dev)
{
    float weight = (float)m / (float)(seen + m), both = (float)seen * weight;
    for (int64_t j = 0; j < n; j++) {
        float d = more_mean[j] - mean[j];
        mean[j] += d * weight;
        dev[j] += more_dev[j] + d * d * both;
    }
}

/* moments: [2, n] mean and squared deviation of every channel; own: the same for one chunk. */
static void part_moments(const float *x, struct par_range pixels, int64_t n, float *moments,
                         float *own)
{
    int64_t chunk = CHUNK_FLOATS / n > 1 ? CHUNK_FLOATS / n : 1;
    memset(moments, 0, 2 * (size_t)n * sizeof *moments);
    for (int64_t i = pixels.begin; i < pixels.end; i += chunk) {
        int64_t m = par_min(chunk, pixels.end - i);
        chunk_moments(x + i * n, m, n, own, own + n);
        merge_moments(n, i - pixels.begin, moments, moments + n, m, own, own + n);
    }
}

/* Mean and squared deviation, over all its pixels, of channels j0..j1 of the picture. */
static void group_moments(const struct layer *l, const float *parts, int64_t j0, int64_t j1,
                          double *ret_mean, double *ret_dev)
{
    double sum = 0, dev = 0;
    for (int64_t p = 0; p < l->parts; p++) {
        struct par_range r = par_range(l->pixels, l->parts, p);
        for (int64_t j = j0; j < j1; j++)
            sum += (double)(r.end - r.begin) * parts[p * 2 * l->n + j];
    }
    double mean = sum / (double)(l->pixels * (j1 - j0));
    for (int64_t p = 0; p < l->parts; p++) {
        struct par_range r = par_range(l->pixels, l->parts, p);
        for (int64_t j = j0; j < j1; j++) {
            double d = parts[p * 2 * l->n + j] - mean;
            dev += parts[(p * 2 + 1) * l->n + j] + (double)(r.end - r.begin) * d * d;
        }
    }
    *ret_mean = mean;
    *ret_dev = dev;
}

static void picture_stats(const struct layer *l, const float *parts, float eps, struct stats s)
{
    int64_t per = l->n / l->groups;
    for (int64_t i = 0; i < l->groups; i++) {
        double mean, dev;
        group_moments(l, parts, i * per, (i + 1) * per, &mean, &dev);
        s.mean[i * s.step] = (float)mean;
        s.inv[i * s.step] = (float)(1.0 / sqrt(dev / (double)(l->pixels * per) + eps));
    }
}

/* Group statistics spread over channels, in the thread's own scratch. */
static struct coefs spread(const struct layer *l, struct stats s, float *own)
{
    struct coefs k = { own, own + l->n, own + 2 * l->n, own + 3 * l->n };
    int64_t per = l->n / l->groups;
    for (int64_t j = 0; j < l->n; j++) {
        k.mean[j] = s.mean[j / per * s.step];
        k.inv[j] = s.inv[j / per * s.step];
    }
    return k;
}

static inline __attribute__((always_inline)) void normalise(const struct layer *l, bool silu,
                                                            const float *restrict x,
                                                            struct par_range pixels, struct coefs k,
                                                            float *restrict y)
{
    const float *restrict mean = k.mean, *restrict inv = k.inv;
    const float *restrict gain = l->gain, *restrict bias = l->bias;
    int64_t n = l->n;
    for (int64_t i = pixels.begin; i < pixels.end; i++)
        for (int64_t j = 0; j < n; j++) {
            float z = (x[i * n + j] - mean[j]) * inv[j] * gain[j] + bias[j];
            y[i * n + j] = silu ? vm_silu(z) : z;
        }
}

static void part_normalise(const struct layer *l, const float *x, int64_t part, struct stats s,
                           float *own, float *y)
{
    struct par_range pixels = par_range(l->pixels, l->parts, part);
    struct coefs k = spread(l, s, own);
    if (l->silu)
        normalise(l, true, x, pixels, k, y);
    else
        normalise(l, false, x, pixels, k, y);
}

/* Where the statistics of the block's picture i go: scratch, when nobody wants them later. */
static struct stats group_stats(const struct cpu *c, const struct layer *l, struct tensor *stats,
                                int64_t first, int64_t i)
{
    float *s = stats ? (float *)stats->data + (first + i) * l->groups * 2
                     : (float *)c->scratch[i] + HALF_SCRATCH - 2 * l->groups;
    return (struct stats){ s, s + 1, 2 };
}

/* The statistics of one picture among all. */
static struct stats stats_at(const struct layer *l, struct stats s, int64_t picture)
{
    int64_t skip = picture * l->groups * s.step;
    return (struct stats){ s.mean + skip, s.inv + skip, s.step };
}

/* Moments of all parts of pictures first .. first + block. */
static void block_moments(const struct cpu *c, const struct layer *l, const float *x, int64_t first,
                          int64_t block)
{
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < block * l->parts; i++)
        part_moments(x + (first + i / l->parts) * l->pixels * l->n,
                     par_range(l->pixels, l->parts, i % l->parts), l->n,
                     part_of(c, l, i / l->parts, i % l->parts), own_scratch(c));
}

int CPU(groupnorm)(void *ctx, ctensor *x, ctensor *g, ctensor *b, int groups, float eps, bool silu,
                   struct tensor *y, struct tensor *stats, struct err *e)
{
    if (CPU_ALL_F32("groupnorm", e, x, g, b, y, stats))
        return -1;
    const struct cpu *c = ctx;
    struct layer l;
    if (layer_init(&l, x->dim[0], x->dim[1] * x->dim[2], x->dim[3], groups, e))
        return -1;
    l.gain = g->data;
    l.bias = b->data;
    l.silu = silu;

    for (int64_t first = 0; first < l.pictures; first += c->threads) {
        int64_t block = par_min(c->threads, l.pictures - first);
        block_moments(c, &l, x->data, first, block);
#pragma omp parallel for num_threads(c->threads) schedule(static)
        for (int64_t i = 0; i < block; i++)
            picture_stats(&l, part_of(c, &l, i, 0), eps, group_stats(c, &l, stats, first, i));
#pragma omp parallel for num_threads(c->threads) schedule(static)
        for (int64_t i = 0; i < block * l.parts; i++) {
            int64_t at = (first + i / l.parts) * l.pixels * l.n;
            part_normalise(&l, (const float *)x->data + at, i % l.parts,
                           group_stats(c, &l, stats, first, i / l.parts), own_scratch(c),
                           (float *)y->data + at);
        }
    }
    return 0;
}

/* dz of one pixel: the gradient before SiLU. */
static inline float before_silu(bool silu, float xhat, float gain, float bias, float dy)
{
    return silu ? dy * vm_silu_grad(xhat * gain + bias) : dy;
}

/* sums: [2, n], of dz and of dz xhat. */
static inline __attribute__((always_inline)) void
gradient_sums(const struct layer *l, bool silu, const float *restrict x, const float *restrict dy,
              struct par_range pixels, struct coefs k, float *restrict sums)
{
    const float *restrict mean = k.mean, *restrict inv = k.inv;
    const float *restrict gain = l->gain, *restrict bias = l->bias;
    int64_t n = l->n;
    memset(sums, 0, 2 * (size_t)n * sizeof *sums);
    for (int64_t i = pixels.begin; i < pixels.end; i++)
        for (int64_t j = 0; j < n; j++) {
            float xhat = (x[i * n + j] - mean[j]) * inv[j];
            float dz = before_silu(silu, xhat, gain[j], silu ? bias[j] : 0, dy[i * n + j]);
            sums[j] += dz;
            sums[n + j] += dz * xhat;
        }
}

static void part_sums(const struct layer *l, const float *x, const float *dy, int64_t part,
                      struct stats s, float *own, float *sums)
{
    struct par_range pixels = par_range(l->pixels, l->parts, part);
    struct coefs k = spread(l, s, own);
    if (l->silu)
        gradient_sums(l, true, x, dy, pixels, k, sums);
    else
        gradient_sums(l, false, x, dy, pixels, k, sums);
}

/* The parts of a picture, added in order into the first. */
static void merge_sums(const struct layer *l, float *parts)
{
    for (int64_t p = 1; p < l->parts; p++)
        for (int64_t j = 0; j < 2 * l->n; j++)
            parts[j] += parts[p * 2 * l->n + j];
}

static void add_to(const float *restrict x, int64_t n, float *restrict y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] += x[j];
}

/* Group means of g dz and g dz xhat, from the picture's sums, spread over channels. */
static void spread_means(const struct layer *l, const float *sums, struct coefs k)
{
    int64_t per = l->n / l->groups;
    float scale = 1.0f / (float)(l->pixels * per);
    for (int64_t i = 0; i < l->n; i += per) {
        float shift = 0, along = 0;
        for (int64_t j = i; j < i + per; j++) {
            shift += l->gain[j] * sums[j];
            along += l->gain[j] * sums[l->n + j];
        }
        for (int64_t j = i; j < i + per; j++) {
            k.shift[j] = shift * scale;
            k.along[j] = along * scale;
        }
    }
}

static inline __attribute__((always_inline)) void
gradient(const struct layer *l, bool silu, const float *restrict x, const float *restrict dy,
         struct par_range pixels, struct coefs k, float *restrict dx)
{
    const float *restrict mean = k.mean, *restrict inv = k.inv;
    const float *restrict shift = k.shift, *restrict along = k.along;
    const float *restrict gain = l->gain, *restrict bias = l->bias;
    int64_t n = l->n;
    for (int64_t i = pixels.begin; i < pixels.end; i++)
        for (int64_t j = 0; j < n; j++) {
            float xhat = (x[i * n + j] - mean[j]) * inv[j];
            float dz = before_silu(silu, xhat, gain[j], silu ? bias[j] : 0, dy[i * n + j]);
            dx[i * n + j] += inv[j] * (gain[j] * dz - shift[j] - xhat * along[j]);
        }
}

/* sums NULL: the statistics are constants, nothing flows through them. */
static void part_gradient(const struct layer *l, const float *x, const float *dy, int64_t part,
                          struct stats s, const float *sums, float *own, float *dx)
{
    struct par_range pixels = par_range(l->pixels, l->parts, part);
    struct coefs k = spread(l, s, own);
    if (sums)
        spread_means(l, sums, k);
    else
        memset(k.shift, 0, 2 * (size_t)l->n * sizeof *k.shift);
    if (l->silu)
        gradient(l, true, x, dy, pixels, k, dx);
    else
        gradient(l, false, x, dy, pixels, k, dx);
}

/* What an adjoint is given and wants; dx, dg, db may be NULL. */
struct grads {
    const float *x, *dy;
    float *dx, *dg, *db;
};

static struct grads grads_of(ctensor *x, ctensor *dy, const struct tensor *dx,
                             const struct tensor *dg, const struct tensor *db)
{
    return (struct grads){ x->data, dy->data, dx ? dx->data : NULL, dg ? dg->data : NULL,
                           db ? db->data : NULL };
}

/* Sums of pictures first .. first + block, added to dg and db picture by picture. */
static void block_sums(const struct cpu *c, const struct layer *l, const struct grads *d,
                       struct stats s, int64_t first, int64_t block)
{
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < block * l->parts; i++) {
        int64_t picture = first + i / l->parts, at = picture * l->pixels * l->n;
        part_sums(l, d->x + at, d->dy + at, i % l->parts, stats_at(l, s, picture), own_scratch(c),
                  part_of(c, l, i / l->parts, i % l->parts));
    }
    for (int64_t i = 0; i < block; i++) {
        float *sums = part_of(c, l, i, 0);
        merge_sums(l, sums);
        if (d->db)
            add_to(sums, l->n, d->db);
        if (d->dg)
            add_to(sums + l->n, l->n, d->dg);
    }
}

static void block_gradient(const struct cpu *c, const struct layer *l, const struct grads *d,
                           struct stats s, bool constant_stats, int64_t first, int64_t block)
{
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < block * l->parts; i++) {
        int64_t picture = first + i / l->parts, at = picture * l->pixels * l->n;
        part_gradient(l, d->x + at, d->dy + at, i % l->parts, stats_at(l, s, picture),
                      constant_stats ? NULL : part_of(c, l, i / l->parts, 0), own_scratch(c),
                      d->dx + at);
    }
}

int CPU(groupnorm_bwd)(void *ctx, ctensor *x, ctensor *g, ctensor *b, int groups, bool silu,
                       ctensor *stats, ctensor *dy, struct tensor *dx, struct tensor *dg,
                       struct tensor *db, struct err *e)
{
    if (CPU_ALL_F32("groupnorm_bwd", e, x, g, b, stats, dy, dx, dg, db))
        return -1;
    const struct cpu *c = ctx;
    struct layer l;
    if (layer_init(&l, x->dim[0], x->dim[1] * x->dim[2], x->dim[3], groups, e))
        return -1;
    l.gain = g->data;
    l.bias = b->data;
    l.silu = silu;
    struct grads d = grads_of(x, dy, dx, dg, db);
    struct stats s = { stats->data, (float *)stats->data + 1, 2 };

    for (int64_t first = 0; first < l.pictures; first += c->threads) {
        int64_t block = par_min(c->threads, l.pictures - first);
        block_sums(c, &l, &d, s, first, block);
        if (dx)
            block_gradient(c, &l, &d, s, false, first, block);
    }
    return 0;
}

/* Batch statistics from the parts, into s; the buffers become (1 - momentum) old + momentum new,
 * where the new variance is the unbiased one. */
static void batch_stats(const struct layer *l, const float *parts, float eps, float momentum,
                        struct stats s, float *mean, float *var)
{
    double n = (double)l->pixels;
    for (int64_t j = 0; j < l->n; j++) {
        double m, dev;
        group_moments(l, parts, j, j + 1, &m, &dev);
        s.mean[j] = (float)m;
        s.inv[j] = (float)(1.0 / sqrt(dev / n + eps));
        mean[j] += momentum * ((float)m - mean[j]);
        var[j] += momentum * ((float)(dev / (n > 1 ? n - 1 : 1)) - var[j]);
    }
}

static void buffer_stats(const struct layer *l, float eps, struct stats s, const float *mean,
                         const float *var)
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
    struct layer l;
    if (layer_init(&l, 1, tensor_rows(x), tensor_cols(x), tensor_cols(x), e))
        return -1;
    l.gain = g->data;
    l.bias = b->data;
    float *to = stats ? stats->data : (float *)c->scratch[0] + HALF_SCRATCH - 2 * l.n;
    struct stats s = { to, to + l.n, 1 };

    if (training) {
        block_moments(c, &l, x->data, 0, 1);
        batch_stats(&l, part_of(c, &l, 0, 0), eps, momentum, s, mean->data, var->data);
    } else {
        buffer_stats(&l, eps, s, mean->data, var->data);
    }
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < l.parts; i++)
        part_normalise(&l, x->data, i, s, own_scratch(c), y->data);
    return 0;
}

int CPU(batchnorm_bwd)(void *ctx, ctensor *x, ctensor *g, ctensor *stats, bool training,
                       ctensor *dy, struct tensor *dx, struct tensor *dg, struct tensor *db,
                       struct err *e)
{
    if (CPU_ALL_F32("batchnorm_bwd", e, x, g, stats, dy, dx, dg, db))
        return -1;
    const struct cpu *c = ctx;
    struct layer l;
    if (layer_init(&l, 1, tensor_rows(x), tensor_cols(x), tensor_cols(x), e))
        return -1;
    l.gain = g->data;
    struct grads d = grads_of(x, dy, dx, dg, db);
    struct stats s = { stats->data, (float *)stats->data + l.n, 1 };

    block_sums(c, &l, &d, s, 0, 1);
    if (dx)
        block_gradient(c, &l, &d, s, !training, 0, 1);
    return 0;
}
