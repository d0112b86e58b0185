/*
 * Positions of a grid that gather from the pixels under some taps: what a convolution of any kernel
 * and stride is, forward and to the picture. conv_taps.c says which taps, here is the walk.
 */
#ifndef KERNELS_CPU_CONV_WALK_H
#define KERNELS_CPU_CONV_WALK_H

#include "kernels/cpu/panel.h"

#define WALK_TAPS_MAX 64
#define WALK_TASK 64 /* positions of one task */

/* From a tap to its first pixel relative to the position, and to that one's weights. */
struct walk_tap {
    int64_t y, x, weight;
};

/* Positions of a grid [batch, rows, cols] gather from pixels of src and go to pixels of dst. */
struct walk {
    int64_t batch, rows, cols;
    const float *src; /* [batch, height, width, depth]; position y, x looks at y * step, x * step */
    int64_t height, width, depth, step;
    int doubled; /* 1: src is doubled first; height and width are those of the doubled picture */
    float *dst;  /* [batch, dst_height, dst_width, n]; position y, x is y * dst_step + dst_y, ... */
    int64_t dst_height, dst_width, n, dst_step, dst_y, dst_x;
    int64_t taps, group; /* group: pixels under one tap, side by side; more than one: all inside */
    struct walk_tap tap[WALK_TAPS_MAX];
    const float *w;                 /* of tap t, its pixel g, k, column j: */
    int64_t g_step, k_step, j_step; /* w[t.weight + g * g_step + k * k_step + j * j_step] */
    const float *bias;              /* dst is set to bias + product; NULL with `add`: added to */
    bool add;
};

static inline int64_t walk_positions(const struct walk *v)
{
    return v->batch * v->rows * v->cols;
}

/* Values under one tap. */
static inline int64_t walk_depth(const struct walk *v)
{
    return v->group * v->depth;
}

/* Pixel y, x of picture b of src, doubled or not. */
static inline const float *walk_source(const struct walk *v, int64_t b, int64_t y, int64_t x)
{
    int64_t line = b * (v->height >> v->doubled) + (y >> v->doubled);
    return v->src + (line * (v->width >> v->doubled) + (x >> v->doubled)) * v->depth;
}

/* Where the outputs of position y, x go. */
static inline float *walk_target(const struct walk *v, int64_t b, int64_t y, int64_t x)
{
    int64_t line = b * v->dst_height + y * v->dst_step + v->dst_y;
    return v->dst + (line * v->dst_width + x * v->dst_step + v->dst_x) * v->n;
}

/* Pointers of n positions of a line to what lies under each tap, and to where they go. Pointers of
 * taps are TILE_ROWS apart. */
static inline void walk_point_line(const struct walk *v, int64_t b, int64_t y, int64_t x, int64_t n,
                                   const float *zeros, const float **from, float **to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = walk_target(v, b, y, x) + i * v->dst_step * v->n;
    for (int64_t t = 0; t < v->taps; t++, from += TILE_ROWS) {
        int64_t sy = y * v->step + v->tap[t].y, sx = x * v->step + v->tap[t].x;
        bool off = sy < 0 || sy >= v->height;
        const float *line = off ? zeros : walk_source(v, b, sy, 0);
        for (int64_t i = 0; i < n; i++, sx += v->step)
            from[i] =
                off || sx < 0 || sx >= v->width ? zeros : line + (sx >> v->doubled) * v->depth;
    }
}

/* The same for a tile: `count` positions from `first` on, the last again in rows past them. zeros:
 * walk_depth floats. */
static inline void walk_point(const struct walk *v, int64_t first, int64_t count,
                              const float *zeros, const float **from, float **to)
{
    for (int64_t i = 0, n; i < TILE_ROWS; i += n) {
        int64_t p = first + par_min(i, count - 1);
        int64_t x = p % v->cols, y = p / v->cols % v->rows, b = p / v->cols / v->rows;
        n = i < count ? par_min(count - i, v->cols - x) : 1;
        walk_point_line(v, b, y, x, n, zeros, from + i, to + i);
    }
}

/* conv_walk.c: any number of columns. UNSUPPORTED when the weights of a tile's columns outgrow
 * scratch. */
int CPU(walk_run)(const struct cpu *c, const struct walk *v, struct err *e);

/* conv_few.c: up to WALK_FEW columns, of taps with at least VEC_LANES values. */
#define WALK_FEW 3
bool CPU(walk_few_fits)(const struct walk *v);
void CPU(walk_few)(const struct cpu *c, const struct walk *v);

#endif
