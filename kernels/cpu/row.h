/*
 * Reductions over one row of n contiguous floats, in vector lanes whose number the instruction set
 * fixes: the same row gives the same bits wherever it lies and whoever computes it.
 */
#ifndef KERNELS_CPU_ROW_H
#define KERNELS_CPU_ROW_H

#include <stdint.h>

#include "kernels/cpu/vmath.h"

#define ROW_LANES 16

static inline float row_sum(const float *x, int64_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += x[j];
    return sum;
}

/* Sum of (x - mean)^2. */
static inline float row_squares(const float *x, int64_t n, float mean)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += (x[j] - mean) * (x[j] - mean);
    return sum;
}

static inline float row_dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++)
        sum += a[j] * b[j];
    return sum;
}

/* Lanes by hand: not every compiler takes a maximum across a vector. */
static inline float row_max(const float *x, int64_t n)
{
    float lane[ROW_LANES], max = x[0];
    int64_t j = 0;
    for (int l = 0; l < ROW_LANES; l++)
        lane[l] = max;
    for (; j + ROW_LANES <= n; j += ROW_LANES)
        for (int l = 0; l < ROW_LANES; l++)
            lane[l] = x[j + l] > lane[l] ? x[j + l] : lane[l];
    for (; j < n; j++)
        lane[0] = x[j] > lane[0] ? x[j] : lane[0];
    for (int l = 0; l < ROW_LANES; l++)
        max = lane[l] > max ? lane[l] : max;
    return max;
}

/* y = exp(x - shift), and its sum; y may be x. */
static inline float row_exp(const float *x, int64_t n, float shift, float *y)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; j++) {
        y[j] = vm_exp(x[j] - shift);
        sum += y[j];
    }
    return sum;
}

/* y = x * by; y may be x. */
static inline void row_scale(const float *x, int64_t n, float by, float *y)
{
#pragma omp simd
    for (int64_t j = 0; j < n; j++)
        y[j] = x[j] * by;
}

#endif
