/*
 * The innermost products: TILE_ROWS x TILE_COLS sums in registers.
 *
 * Every sum takes its terms one after the other in the order of k, so an output's bits depend on
 * its row and its column, not on which tile computed it or what lay beside it.
 */
#ifndef KERNELS_CPU_TILE_H
#define KERNELS_CPU_TILE_H

#include <stdint.h>

#include "kernels/cpu/vec.h"

#define TILE_ROWS (VEC_REGISTERS / 4)
#define TILE_VECS 3
#define TILE_COLS (TILE_VECS * VEC_LANES)

struct tile {
    _Alignas(64) float at[TILE_ROWS][TILE_COLS];
};

#define TILE_INLINE static inline __attribute__((always_inline))

TILE_INLINE void tile_put(struct tile *t, int vecs, vec sum[TILE_ROWS][TILE_VECS])
{
    for (int i = 0; i < TILE_ROWS; i++)
        for (int v = 0; v < vecs; v++)
            vec_store(t->at[i] + v * VEC_LANES, sum[i][v]);
}

TILE_INLINE void tile_rows_of(int vecs, const float *const *a, int64_t taps, int64_t depth,
                              const float *b, struct tile *t)
{
    vec sum[TILE_ROWS][TILE_VECS] = { 0 };
    for (int64_t tap = 0; tap < taps; tap++, a += TILE_ROWS) {
        const float *row[TILE_ROWS];
        memcpy(row, a, sizeof row);
        for (int64_t k = 0; k < depth; k++, b += vecs * VEC_LANES) {
            vec col[TILE_VECS];
            for (int v = 0; v < vecs; v++)
                col[v] = vec_load(b + v * VEC_LANES);
            for (int i = 0; i < TILE_ROWS; i++)
                for (int v = 0; v < vecs; v++)
                    sum[i][v] += row[i][k] * col[v];
        }
    }
    tile_put(t, vecs, sum);
}

TILE_INLINE void tile_columns_of(int vecs, const float *a, int64_t lda, const float *b, int64_t ldb,
                                 int64_t depth, struct tile *t)
{
    vec sum[TILE_ROWS][TILE_VECS] = { 0 };
    for (int64_t k = 0; k < depth; k++, a += lda, b += ldb) {
        vec col[TILE_VECS];
        for (int v = 0; v < vecs; v++)
            col[v] = vec_load(b + v * VEC_LANES);
        for (int i = 0; i < TILE_ROWS; i++)
            for (int v = 0; v < vecs; v++)
                sum[i][v] += a[i] * col[v];
    }
    tile_put(t, vecs, sum);
}

/* t [rows, vecs lanes] = sum over taps and k of a[tap][row][k] b[tap * depth + k][col]. Rows lie
 * wherever their pointers say; b is packed, vecs * VEC_LANES columns. */
static inline void tile_rows(int vecs, const float *const *a, int64_t taps, int64_t depth,
                             const float *b, struct tile *t)
{
    if (vecs == 3)
        tile_rows_of(3, a, taps, depth, b, t);
    else if (vecs == 2)
        tile_rows_of(2, a, taps, depth, b, t);
    else
        tile_rows_of(1, a, taps, depth, b, t);
}

/* t [rows, vecs lanes] = sum over k of a[k][row] b[k][col]. */
static inline void tile_columns(int vecs, const float *a, int64_t lda, const float *b, int64_t ldb,
                                int64_t depth, struct tile *t)
{
    if (vecs == 3)
        tile_columns_of(3, a, lda, b, ldb, depth, t);
    else if (vecs == 2)
        tile_columns_of(2, a, lda, b, ldb, depth, t);
    else
        tile_columns_of(1, a, lda, b, ldb, depth, t);
}

#endif
