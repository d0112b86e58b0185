/*
 * The innermost products: TILE_ROWS x TILE_COLS sums in registers.
 *
 * Every sum takes its terms one after the other in the order of k, so an output's bits depend on
 * its row and its column, not on which tile computed it or what lay beside it.
 *
 * An array of sums becomes registers only where every index is a constant: hence EACH and INLINE.
 */
#ifndef KERNELS_CPU_TILE_H
#define KERNELS_CPU_TILE_H

#include <stdint.h>

#include "kernels/cpu/vec.h"

#define TILE_ROWS (VEC_REGISTERS / 4)
#define TILE_VECS 3
#define TILE_COLS (TILE_VECS * VEC_LANES)

/* A tile's sums while they are computed. `vecs`, here and below, is 1..TILE_VECS and a constant
 * where the function is inlined. */
struct tile_sums {
    vec at[TILE_ROWS][TILE_VECS];
};

/* The same in memory. */
struct tile {
    _Alignas(64) float at[TILE_ROWS][TILE_COLS];
};

INLINE void tile_clear(int vecs, struct tile_sums *s)
{
    EACH (i, TILE_ROWS)
        EACH (v, vecs)
            s->at[i][v] = (vec){ 0 };
}

INLINE void tile_store(int vecs, const struct tile_sums *s, struct tile *t)
{
    EACH (i, TILE_ROWS)
        EACH (v, vecs)
            vec_store(t->at[i] + v * VEC_LANES, s->at[i][v]);
}

/* Where b[k][vector v of columns] lies: at b + k * k_step + v * vec_step. */
struct tile_steps {
    int64_t k_step, vec_step;
};

/* Packed for tiles of so many vectors: its columns side by side. */
INLINE struct tile_steps tile_side_by_side(int vecs)
{
    return (struct tile_steps){ vecs * VEC_LANES, VEC_LANES };
}

/* s += a[row][k] b[k][col], k < depth. Rows lie wherever their pointers say. */
INLINE void tile_add_rows(int vecs, const float *const *a, const float *b, struct tile_steps step,
                          int64_t depth, struct tile_sums *s)
{
    const float *row[TILE_ROWS];
    EACH (i, TILE_ROWS)
        row[i] = a[i];
    for (int64_t k = 0; k < depth; k++, b += step.k_step) {
        vec col[TILE_VECS];
        EACH (v, vecs)
            col[v] = vec_load(b + v * step.vec_step);
        EACH (i, TILE_ROWS)
            EACH (v, vecs)
                s->at[i][v] += row[i][k] * col[v];
    }
}

/* s += a[k][row] b[k][col], k < depth. */
INLINE void tile_add_columns(int vecs, const float *a, int64_t lda, const float *b,
                             struct tile_steps step, int64_t depth, struct tile_sums *s)
{
    for (int64_t k = 0; k < depth; k++, a += lda, b += step.k_step) {
        vec col[TILE_VECS];
        EACH (v, vecs)
            col[v] = vec_load(b + v * step.vec_step);
        EACH (i, TILE_ROWS)
            EACH (v, vecs)
                s->at[i][v] += a[i] * col[v];
    }
}

/* Calls f(vecs, ...) with `vecs` as a constant. */
#define TILE_WIDTHS(f, vecs, ...)                                                                  \
    do {                                                                                           \
        if ((vecs) == 3)                                                                           \
            f(3, __VA_ARGS__);                                                                     \
        else if ((vecs) == 2)                                                                      \
            f(2, __VA_ARGS__);                                                                     \
        else                                                                                       \
            f(1, __VA_ARGS__);                                                                     \
    } while (0)

INLINE void tile_rows_of(int vecs, const float *const *a, int64_t taps, int64_t depth,
                         const float *b, struct tile *t)
{
    struct tile_sums s;
    tile_clear(vecs, &s);
    for (int64_t tap = 0; tap < taps; tap++)
        tile_add_rows(vecs, a + tap * TILE_ROWS, b + tap * depth * vecs * VEC_LANES,
                      tile_side_by_side(vecs), depth, &s);
    tile_store(vecs, &s, t);
}

INLINE void tile_columns_of(int vecs, const float *a, int64_t lda, const float *b, int64_t ldb,
                            int64_t depth, struct tile *t)
{
    struct tile_sums s;
    tile_clear(vecs, &s);
    tile_add_columns(vecs, a, lda, b, (struct tile_steps){ ldb, VEC_LANES }, depth, &s);
    tile_store(vecs, &s, t);
}

/* t [rows, vecs lanes] = sum over taps and k of a[tap][row][k] b[tap * depth + k][col]. */
static inline void tile_rows(int vecs, const float *const *a, int64_t taps, int64_t depth,
                             const float *b, struct tile *t)
{
    TILE_WIDTHS(tile_rows_of, vecs, a, taps, depth, b, t);
}

/* t [rows, vecs lanes] = sum over k of a[k][row] b[k][col]. */
static inline void tile_columns(int vecs, const float *a, int64_t lda, const float *b, int64_t ldb,
                                int64_t depth, struct tile *t)
{
    TILE_WIDTHS(tile_columns_of, vecs, a, lda, b, ldb, depth, t);
}

#endif
