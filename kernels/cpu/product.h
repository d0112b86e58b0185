/*
 * Products of plain rows with a packed right-hand side, on the calling thread: what attention and
 * other kernels with small matrices and their own loop over threads are made of.
 */
#ifndef KERNELS_CPU_PRODUCT_H
#define KERNELS_CPU_PRODUCT_H

#include "kernels/cpu/panel.h"

/* A right-hand side [depth, n]. */
struct packed {
    struct panels cols;
    int64_t depth;
    const float *data;
};

/* Floats that packing [depth, n] takes. */
static inline int64_t packed_size(int64_t depth, int64_t n)
{
    return depth * panels_of(n).vecs * VEC_LANES;
}

/* Element (k, j) is b[k * k_step + j * j_step]; `to` has packed_size. */
struct packed CPU(pack)(const float *b, int64_t k_step, int64_t j_step, int64_t depth, int64_t n,
                        float *to);

/* Where a product goes: c (+)= alpha * product. */
struct product_to {
    float *c;
    int64_t ldc;
    float alpha;
    bool add;
};

/* Rows a [m, depth] times the first `depth` rows and at least the first n columns of b. */
void CPU(product_rows)(const float *a, int64_t lda, int64_t m, int64_t depth,
                       const struct packed *b, int64_t n, struct product_to to);

/* Columns: a [b->depth, m] transposed, times b. Up to TILE_ROWS - 1 floats behind column m of each
 * row of a are read (and not used). */
void CPU(product_columns)(const float *a, int64_t lda, int64_t m, const struct packed *b,
                          struct product_to to);

#endif
