/*
 * A rectangle of a channels-last picture as a kernel wants to read it: zeros beside the picture.
 */
#ifndef KERNELS_CPU_STRIP_H
#define KERNELS_CPU_STRIP_H

#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/par.h"

/* A square of pixels: (y, x) begins at at[y * down + x * right]. */
struct square {
    float *at;
    int64_t down, right;
};

struct strip_source {
    const float *x; /* [batch, height, width, n] */
    int64_t batch, height, width, n;
};

static inline struct strip_source strip_source(ctensor *x)
{
    return (struct strip_source){ x->data, x->dim[0], x->dim[1], x->dim[2], x->dim[3] };
}

/* Where pixel y, x of picture b lies. */
static inline const float *strip_at(const struct strip_source *s, int64_t b, int64_t y, int64_t x)
{
    return s->x + ((b * s->height + y) * s->width + x) * s->n;
}

/* Numbers of begin .. begin + n that are in 0 .. limit, counted from begin. */
static inline struct par_range strip_inside(int64_t begin, int64_t n, int64_t limit)
{
    int64_t first = par_min(begin < 0 ? -begin : 0, n), last = par_min(n, limit - begin);
    return (struct par_range){ first, last > first ? last : first };
}

/* to [n] = floats at inside.begin .. inside.end from `from`, the others 0. */
static inline void strip_copy_line(const float *restrict from, struct par_range inside, int64_t n,
                                   float *restrict to)
{
    for (int64_t i = 0; i < inside.begin; i++)
        to[i] = 0;
    for (int64_t i = 0; i < inside.end - inside.begin; i++)
        to[inside.begin + i] = from[i];
    for (int64_t i = inside.end; i < n; i++)
        to[i] = 0;
}

/* Pixels from y0, x0 of picture b on, rows x cols of them, to `to` [rows, cols, n]. */
static inline void strip_copy(const struct strip_source *s, int64_t b, int64_t y0, int64_t x0,
                              int64_t rows, int64_t cols, float *to)
{
    struct par_range y = strip_inside(y0, rows, s->height), x = strip_inside(x0, cols, s->width);
    struct par_range line = { x.begin * s->n, x.end * s->n }, none = { 0, 0 };
    for (int64_t i = 0; i < rows; i++, to += cols * s->n) {
        bool in = i >= y.begin && i < y.end && x.begin < x.end;
        strip_copy_line(in ? strip_at(s, b, y0 + i, x0 + x.begin) : NULL, in ? line : none,
                        cols * s->n, to);
    }
}

/* The same where they lie, or, where they leave the picture, copied to room [rows, cols, n]. */
static inline struct square strip_of(const struct strip_source *s, int64_t b, int64_t y0,
                                     int64_t x0, int64_t rows, int64_t cols, float *room)
{
    if (y0 >= 0 && x0 >= 0 && y0 + rows <= s->height && x0 + cols <= s->width)
        return (struct square){ (float *)strip_at(s, b, y0, x0), s->width * s->n, s->n };
    strip_copy(s, b, y0, x0, rows, cols, room);
    return (struct square){ room, cols * s->n, s->n };
}

/* A copy of all pictures in the shared memory, with zeros around each; `may`: it fits there. */
bool CPU(strip_may_surround)(const struct strip_source *s, struct conv_pad pad);
struct strip_source CPU(strip_surround)(const struct cpu *c, const struct strip_source *s,
                                        struct conv_pad pad);

#define STRIP_LINE 16 /* floats in a line of the cache */

/* Tells the cache that these pixels will be read soon. */
static inline void strip_expect(const struct strip_source *s, int64_t b, int64_t y0, int64_t x0,
                                int64_t rows, int64_t cols)
{
    struct par_range y = strip_inside(y0, rows, s->height), x = strip_inside(x0, cols, s->width);
    for (int64_t i = y.begin; i < y.end; i++) {
        const float *at = strip_at(s, b, y0 + i, x0 + x.begin);
        for (int64_t j = 0; j < (x.end - x.begin) * s->n; j += STRIP_LINE)
            __builtin_prefetch(at + j);
    }
}

#endif
