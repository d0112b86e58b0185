/*
 * Small products on the calling thread, a tile's rows at a time: what attention is made of.
 */
#ifndef KERNELS_CPU_PRODUCT_H
#define KERNELS_CPU_PRODUCT_H

#include "kernels/cpu/panel.h"

/* A right-hand side [depth, n], cut into vectors of columns, which lie one after the other, each
 * [depth, VEC_LANES]; zeros fill up the last one. A product may take any first ones of them. */
struct packed {
    int64_t depth, n;
    const float *data;
};

/* Vectors that n floats take, and floats that those have. */
static inline int64_t vecs_of(int64_t n)
{
    return (n + VEC_LANES - 1) / VEC_LANES;
}

static inline int64_t whole_vecs(int64_t n)
{
    return vecs_of(n) * VEC_LANES;
}

/* Floats that packing [depth, n] takes. */
static inline int64_t packed_size(int64_t depth, int64_t n)
{
    return depth * whole_vecs(n);
}

/* Element (k, j) is b[k * k_step + j * j_step]; `to` has packed_size. */
struct packed CPU(pack)(const float *b, int64_t k_step, int64_t j_step, int64_t depth, int64_t n,
                        float *to);

/* Where a product goes: c (+)= alpha * product, rows and columns that exist. */
struct product_to {
    float *c;
    int64_t ldc, rows, cols;
    float alpha;
    bool add;
};

/* Rows a[0 .. TILE_ROWS - 1] times k < depth and the columns of b. */
void CPU(product_rows)(const float *const a[TILE_ROWS], int64_t depth, const struct packed *b,
                       const struct product_to *to);

/* Columns 0 .. TILE_ROWS - 1 of a [depth, lda] times k0 <= k < k0 + depth of b. All of them are
 * read, also those beyond to->rows. */
void CPU(product_columns)(const float *a, int64_t lda, int64_t depth, const struct packed *b,
                          int64_t k0, const struct product_to *to);

#endif
