/*
 * Walks to few columns, as to RGB: too few to fill vectors with, so vectors go along the values
 * under a tap, and their lanes are added at the end.
 *
 * Scratch: the weights are in thread 0's, zeros behind them.
 */
#include <string.h>

#include "kernels/cpu/conv_walk.h"

/* Sums of one position and column, by lanes. */
struct lanes {
    vec at[TILE_ROWS][WALK_FEW];
};

/* Where vector i of `depth` values begins: the last may overlap the one before; its weights are
 * zero there. */
static inline int64_t vector_at(int64_t i, int64_t depth)
{
    return par_min(i * VEC_LANES, depth - VEC_LANES);
}

static inline int64_t vectors_of(int64_t depth)
{
    return (depth + VEC_LANES - 1) / VEC_LANES;
}

/* Weights as [taps, vectors, n, VEC_LANES]. */
static void lay_out(const struct walk *v, float *to)
{
    int64_t depth = walk_depth(v), vectors = vectors_of(depth);
    for (int64_t i = 0; i < v->taps * vectors * v->n; i++)
        for (int64_t lane = 0; lane < VEC_LANES; lane++) {
            int64_t j = i % v->n, at = i / v->n % vectors, k = vector_at(at, depth) + lane;
            const float *w = v->w + v->tap[i / v->n / vectors].weight + j * v->j_step;
            to[i * VEC_LANES + lane] =
                k < at * VEC_LANES ? 0 : w[k / v->depth * v->g_step + k % v->depth * v->k_step];
        }
}

/* One tap's values of all rows times its weights. */
INLINE void add_tap(int n, const float *const *a, int64_t depth, const float *w, struct lanes *s)
{
    for (int64_t i = 0; i < vectors_of(depth); i++, w += n * VEC_LANES) {
        int64_t at = vector_at(i, depth);
        vec column[WALK_FEW];
        EACH (j, n)
            column[j] = vec_load(w + j * VEC_LANES);
        EACH (r, TILE_ROWS) {
            vec x = vec_load(a[r] + at);
            EACH (j, n)
                s->at[r][j] += x * column[j];
        }
    }
}

/* sums [TILE_ROWS]: the columns of each row, and what is left of four. */
INLINE void sum_tile(int n, const struct walk *v, const float *const *from, const float *w,
                     quad *sums)
{
    struct lanes s = { 0 };
    int64_t depth = walk_depth(v);
    for (int64_t t = 0; t < v->taps; t++)
        add_tap(n, from + t * TILE_ROWS, depth, w + t * vectors_of(depth) * n * VEC_LANES, &s);
    EACH (r, TILE_ROWS) {
        vec four[4] = { 0 };
        EACH (j, n)
            four[j] = s.at[r][j];
        sums[r] = vec_sums(four);
    }
}

static void few_task(const struct walk *v, struct par_range range, const float *w,
                     const float *zeros)
{
    const float *from[WALK_TAPS_MAX * TILE_ROWS];
    float *to[TILE_ROWS];
    quad sums[TILE_ROWS];

    for (int64_t p = range.begin; p < range.end; p += TILE_ROWS) {
        int64_t count = par_min(TILE_ROWS, range.end - p);
        walk_point(v, p, count, zeros, from, to);
        if (v->n == 3)
            sum_tile(3, v, from, w, sums);
        else if (v->n == 2)
            sum_tile(2, v, from, w, sums);
        else
            sum_tile(1, v, from, w, sums);
        for (int64_t i = 0; i < count; i++)
            for (int64_t j = 0; j < v->n; j++)
                to[i][j] = sums[i][j] + (v->bias ? v->bias[j] : v->add ? to[i][j] : 0);
    }
}

static int64_t weights_size(const struct walk *v)
{
    return v->taps * vectors_of(walk_depth(v)) * v->n * VEC_LANES;
}

bool CPU(walk_few_fits)(const struct walk *v)
{
    return v->n <= WALK_FEW && walk_depth(v) >= VEC_LANES &&
           weights_size(v) + walk_depth(v) <= CPU_SCRATCH_FLOATS;
}

void CPU(walk_few)(const struct cpu *c, const struct walk *v)
{
    float *w = (float *)c->scratch[0], *zeros = w + weights_size(v);
    int64_t n = walk_positions(v);

    lay_out(v, w);
    memset(zeros, 0, (size_t)walk_depth(v) * sizeof *zeros);
#pragma omp parallel for num_threads(c->threads) schedule(dynamic, 4)
    for (int64_t p = 0; p < n; p += WALK_TASK)
        few_task(v, (struct par_range){ p, par_min(p + WALK_TASK, n) }, w, zeros);
}
