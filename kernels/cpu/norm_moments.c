/*
 * Means and squared deviations of channels: every part of a picture gives its own (two passes over
 * a chunk in cache, chunks merged after Chan et al.); groups are put together from those in double.
 */
#include <string.h>

#include "kernels/cpu/norm_pixels.h"

#define CHUNK_FLOATS 4096

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

void CPU(norm_moments)(const struct cpu *c, const struct norm_layer *l, const float *x,
                       int64_t first, int64_t block)
{
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < block * l->parts; i++)
        part_moments(x + (first + i / l->parts) * l->pixels * l->n,
                     par_range(l->pixels, l->parts, i % l->parts), l->n,
                     norm_part(c, l, i / l->parts, i % l->parts), norm_own_scratch(c));
}

void CPU(norm_merge)(const struct norm_layer *l, const float *parts, int64_t j0, int64_t j1,
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
