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

/* Rows k..k + 4 of the panel when k_step is 1. */
static inline void panel_pack_columns(const float *b, int64_t j_step, int64_t cols, int64_t width,
                                      float *to)
{
    int64_t j = 0;
    for (; j + 4 <= cols; j += 4) {
        quad r[4];
        for (int i = 0; i < 4; i++)
            memcpy(&r[i], b + (j + i) * j_step, sizeof r[i]);
        quad_transpose(r);
        for (int i = 0; i < 4; i++)
            memcpy(to + i * width + j, &r[i], sizeof r[i]);
    }
    for (; j < width; j++)
        for (int64_t k = 0; k < 4; k++)
            to[k * width + j] = j < cols ? b[j * j_step + k] : 0;
}

/* Packs columns 0..cols of rows 0..depth: element (k, j) is b[k * k_step + j * j_step]. */
static inline void panel_pack(const float *b, int64_t k_step, int64_t j_step, int64_t depth,
                              int64_t cols, int vecs, float *restrict panel)
{
    int64_t width = vecs * VEC_LANES, k = 0;
    for (; k_step == 1 && k + 4 <= depth; k += 4)
        panel_pack_columns(b + k, j_step, cols, width, panel + k * width);
    for (; k < depth; k++) {
        for (int64_t j = 0; j < cols; j++)
            panel[k * width + j] = b[k * k_step + j * j_step];
        for (int64_t j = cols; j < width; j++)
            panel[k * width + j] = 0;
    }
}

#endif
