/*
 * The right-hand side of a product, packed for tile.h: panels of up to TILE_COLS columns, k slowest
 * inside a panel, the last vector filled up with zeros.
 */
#ifndef KERNELS_CPU_PANEL_H
#define KERNELS_CPU_PANEL_H

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/par.h"
#include "kernels/cpu/tile.h"

/* n columns as panels of nearly equal width. */
struct panels {
    int64_t n, vecs, count;
};

static inline struct panels panels_of(int64_t n)
{
    int64_t vecs = (n + VEC_LANES - 1) / VEC_LANES;
    return (struct panels){ n, vecs, (vecs + TILE_VECS - 1) / TILE_VECS };
}

/* Panel i: where it starts among the vectors, and how many it has. */
static inline int64_t panel_start(struct panels p, int64_t i)
{
    return par_range(p.vecs, p.count, i).begin;
}

static inline int panel_vecs(struct panels p, int64_t i)
{
    struct par_range r = par_range(p.vecs, p.count, i);
    return (int)(r.end - r.begin);
}

/* Columns of panel i that exist. */
static inline int64_t panel_cols(struct panels p, int64_t i)
{
    return par_min(p.n, par_range(p.vecs, p.count, i).end * VEC_LANES) -
           panel_start(p, i) * VEC_LANES;
}

/* VEC_LANES rows of b, j_step apart, become a vector of each of as many rows of the panel. */
static inline void panel_turn(const float *b, int64_t j_step, int64_t width, float *restrict panel)
{
    vec r[VEC_LANES];
    EACH (j, VEC_LANES)
        r[j] = vec_load(b + j * j_step);
    vec_transpose(r);
    EACH (k, VEC_LANES)
        vec_store(panel + k * width, r[k]);
}

/* Columns j0 .. width of one row of the panel. */
static inline void panel_pack_row(const float *b, int64_t j_step, int64_t j0, int64_t cols,
                                  int64_t width, float *restrict row)
{
    for (; j_step == 1 && j0 + VEC_LANES <= cols; j0 += VEC_LANES)
        vec_store(row + j0, vec_load(b + j0));
    for (int64_t j = j0; j < cols; j++)
        row[j] = b[j * j_step];
    for (int64_t j = cols; j < width; j++)
        row[j] = 0;
}

/* Packs columns 0..cols of rows 0..depth: element (k, j) is b[k * k_step + j * j_step]. */
static inline void panel_pack(const float *b, int64_t k_step, int64_t j_step, int64_t depth,
                              int64_t cols, int vecs, float *restrict panel)
{
    int64_t width = vecs * VEC_LANES, k = 0;
    for (; k_step == 1 && k + VEC_LANES <= depth; k += VEC_LANES) {
        int64_t j = 0;
        for (; j + VEC_LANES <= cols; j += VEC_LANES)
            panel_turn(b + k + j * j_step, j_step, width, panel + k * width + j);
        for (int64_t i = k; j < width && i < k + VEC_LANES; i++)
            panel_pack_row(b + i, j_step, j, cols, width, panel + i * width);
    }
    for (; k < depth; k++)
        panel_pack_row(b + k * k_step, j_step, 0, cols, width, panel + k * width);
}

#endif
