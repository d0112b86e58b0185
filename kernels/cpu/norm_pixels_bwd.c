/*
 * The adjoint of the norms over pixels: sums over a picture first, then its pixels.
 */
#include <string.h>

#include "kernels/cpu/norm_pixels.h"
#include "kernels/cpu/vmath.h"

/* The statistics of one picture among all. */
static struct norm_stats stats_at(const struct norm_layer *l, struct norm_stats s, int64_t picture)
{
    int64_t skip = picture * l->groups * s.step;
    return (struct norm_stats){ s.mean + skip, s.inv + skip, s.step };
}

/* dz of one pixel: the gradient before SiLU. */
static inline float before_silu(bool silu, float xhat, float gain, float bias, float dy)
{
    return silu ? dy * vm_silu_grad(xhat * gain + bias) : dy;
}

/* sums: [2, n], of dz and of dz xhat. */
static inline __attribute__((always_inline)) void
gradient_sums(const struct norm_layer *l, bool silu, const float *restrict x,
              const float *restrict dy, struct par_range pixels, struct norm_coefs k,
              float *restrict sums)
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

static void part_sums(const struct norm_layer *l, const float *x, const float *dy, int64_t part,
                      struct norm_stats s, float *own, float *sums)
{
    struct par_range pixels = par_range(l->pixels, l->parts, part);
    struct norm_coefs k = CPU(norm_spread)(l, s, own);
    if (l->silu)
        gradient_sums(l, true, x, dy, pixels, k, sums);
    else
        gradient_sums(l, false, x, dy, pixels, k, sums);
}

/* The parts of a picture, added in order into the first. */
static void merge_sums(const struct norm_layer *l, float *parts)
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
static void spread_means(const struct norm_layer *l, const float *sums, struct norm_coefs k)
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
gradient(const struct norm_layer *l, bool silu, const float *restrict x, const float *restrict dy,
         struct par_range pixels, struct norm_coefs k, float *restrict dx)
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
static void part_gradient(const struct norm_layer *l, const float *x, const float *dy, int64_t part,
                          struct norm_stats s, const float *sums, float *own, float *dx)
{
    struct par_range pixels = par_range(l->pixels, l->parts, part);
    struct norm_coefs k = CPU(norm_spread)(l, s, own);
    if (sums)
        spread_means(l, sums, k);
    else
        memset(k.shift, 0, 2 * (size_t)l->n * sizeof *k.shift);
    if (l->silu)
        gradient(l, true, x, dy, pixels, k, dx);
    else
        gradient(l, false, x, dy, pixels, k, dx);
}

struct norm_grads CPU(norm_grads)(ctensor *x, ctensor *dy, const struct tensor *dx,
                                  const struct tensor *dg, const struct tensor *db)
{
    return (struct norm_grads){ x->data, dy->data, dx ? dx->data : NULL, dg ? dg->data : NULL,
                                db ? db->data : NULL };
}

/* Sums of pictures first .. first + block, added to dg and db picture by picture. */
static void block_sums(const struct cpu *c, const struct norm_layer *l, const struct norm_grads *d,
                       struct norm_stats s, int64_t first, int64_t block)
{
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < block * l->parts; i++) {
        int64_t picture = first + i / l->parts, at = picture * l->pixels * l->n;
        part_sums(l, d->x + at, d->dy + at, i % l->parts, stats_at(l, s, picture),
                  norm_own_scratch(c), norm_part(c, l, i / l->parts, i % l->parts));
    }
    for (int64_t i = 0; i < block; i++) {
        float *sums = norm_part(c, l, i, 0);
        merge_sums(l, sums);
        if (d->db)
            add_to(sums, l->n, d->db);
        if (d->dg)
            add_to(sums + l->n, l->n, d->dg);
    }
}

static void block_gradient(const struct cpu *c, const struct norm_layer *l,
                           const struct norm_grads *d, struct norm_stats s, bool constant_stats,
                           int64_t first, int64_t block)
{
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < block * l->parts; i++) {
        int64_t picture = first + i / l->parts, at = picture * l->pixels * l->n;
        part_gradient(l, d->x + at, d->dy + at, i % l->parts, stats_at(l, s, picture),
                      constant_stats ? NULL : norm_part(c, l, i / l->parts, 0), norm_own_scratch(c),
                      d->dx + at);
    }
}

void CPU(norm_adjoint)(const struct cpu *c, const struct norm_layer *l, const struct norm_grads *d,
                       struct norm_stats s, bool constant_stats, int64_t first, int64_t block)
{
    block_sums(c, l, d, s, first, block);
    if (d->dx)
        block_gradient(c, l, d, s, constant_stats, first, block);
}
