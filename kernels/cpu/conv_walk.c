/*
 * Walks on the tiles of tile.h: rows lie wherever their pointers say, so no matrix of windows is
 * made.
 *
 * Scratch: the packed weights are in thread 0's, zeros behind them.
 */
#include <string.h>

#include "kernels/cpu/conv_walk.h"

static inline void put_row(const float *restrict sum, int64_t n, const float *restrict bias,
                           bool add, float *restrict to)
{
    if (bias)
        for (int64_t j = 0; j < n; j++)
            to[j] = sum[j] + bias[j];
    else if (add)
        for (int64_t j = 0; j < n; j++)
            to[j] += sum[j];
    else
        memcpy(to, sum, (size_t)n * sizeof *to);
}

/* Positions begin..end against one packed panel, whose first column is j0. */
static void walk_task(const struct walk *v, struct par_range range, const float *panel, int vecs,
                      int64_t j0, int64_t cols, const float *zeros)
{
    const float *from[WALK_TAPS_MAX * TILE_ROWS];
    float *to[TILE_ROWS];
    struct tile t;

    for (int64_t p = range.begin; p < range.end; p += TILE_ROWS) {
        int64_t count = par_min(TILE_ROWS, range.end - p);
        walk_point(v, p, count, zeros, from, to);
        tile_rows(vecs, from, v->taps, walk_depth(v), panel, &t);
        for (int64_t i = 0; i < count; i++)
            put_row(t.at[i], cols, v->bias ? v->bias + j0 : NULL, v->add, to[i] + j0);
    }
}

static void pack_weights(const struct walk *v, int64_t j0, int64_t cols, int vecs, float *panel)
{
    bool whole = v->g_step == v->depth * v->k_step;
    int64_t parts = whole ? 1 : v->group, depth = walk_depth(v) / parts;

    for (int64_t i = 0; i < v->taps * parts; i++)
        panel_pack(v->w + v->tap[i / parts].weight + i % parts * v->g_step + j0 * v->j_step,
                   v->k_step, v->j_step, depth, cols, vecs, panel + i * depth * vecs * VEC_LANES);
}

/* Panels first..end of the columns, which fit in scratch together. */
static void walk_panels(const struct cpu *c, const struct walk *v, struct panels p, int64_t first,
                        int64_t end)
{
    float *packed = (float *)c->scratch[0];
    const float *zeros = packed + CPU_SCRATCH_FLOATS - walk_depth(v);
    int64_t k = v->taps * walk_depth(v), origin = panel_start(p, first);
    int64_t blocks = (walk_positions(v) + WALK_TASK - 1) / WALK_TASK;

#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = first; i < end; i++)
        pack_weights(v, panel_start(p, i) * VEC_LANES, panel_cols(p, i), panel_vecs(p, i),
                     packed + (panel_start(p, i) - origin) * VEC_LANES * k);
#pragma omp parallel for num_threads(c->threads) schedule(dynamic, 4)
    for (int64_t task = 0; task < blocks * (end - first); task++) {
        int64_t i = first + task % (end - first), block = task / (end - first) * WALK_TASK;
        struct par_range range = { block, par_min(block + WALK_TASK, walk_positions(v)) };
        walk_task(v, range, packed + (panel_start(p, i) - origin) * VEC_LANES * k, panel_vecs(p, i),
                  panel_start(p, i) * VEC_LANES, panel_cols(p, i), zeros);
    }
}

int CPU(walk_run)(const struct cpu *c, const struct walk *v, struct err *e)
{
    struct panels p = panels_of(v->n);
    int64_t k = v->taps * walk_depth(v);
    int64_t at_once = k ? (CPU_SCRATCH_FLOATS - walk_depth(v)) / (k * TILE_COLS) : 1;
    if (at_once < 1)
        return err_set(e, ERR_UNSUPPORTED, "conv: a window of %lld values, scratch holds %lld",
                       (long long)k, (long long)CPU_SCRATCH_FLOATS / TILE_COLS);
    memset((float *)c->scratch[0] + CPU_SCRATCH_FLOATS - walk_depth(v), 0,
           (size_t)walk_depth(v) * sizeof(float));
    for (int64_t i = 0; i < p.count; i += at_once)
        walk_panels(c, v, p, i, par_min(i + at_once, p.count));
    return 0;
}
