/*
 * Convolutions by winograd.h, with all threads.
 */
#ifndef KERNELS_CPU_WINOGRAD_CONV_H
#define KERNELS_CPU_WINOGRAD_CONV_H

#include "kernels/cpu/winograd.h"

struct winograd_conv {
    const struct winograd *form;
    struct strip_source source;
    int64_t top, left; /* the first cell sees from pixel -top, -left on */
    float *y;          /* [batch, out_height, out_width, n] */
    int64_t out_height, out_width, n;
    const float *w; /* of tap t (3x3), channel k to column j: w[tap[t] + k * k_step + j * j_step] */
    int64_t tap[WINOGRAD_TAPS], k_step, j_step;
    const float *bias; /* [n] or NULL */
    const float *plus; /* in y's shape, or NULL; y to add to it: y = sums + bias + plus */
};

/* Whether `depth` channels to n are enough to fill vectors, and few enough for scratch. */
bool CPU(winograd_fits)(const struct winograd *form, int64_t depth, int64_t n);

void CPU(winograd_run)(const struct cpu *c, const struct winograd_conv *conv);

#endif
