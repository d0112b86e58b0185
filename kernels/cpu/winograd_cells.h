/*
 * The cells of pictures, counted along lines, line after line, picture after picture, and the
 * planes that are made of them.
 */
#ifndef KERNELS_CPU_WINOGRAD_CELLS_H
#define KERNELS_CPU_WINOGRAD_CELLS_H

#include "kernels/cpu/winograd.h"

/* Memory that is asked for so many cells early is there when its cell's turn comes. */
#define WINOGRAD_AHEAD 3

struct winograd_cells {
    struct strip_source source;
    int64_t rows, cols;   /* cells of a picture */
    int64_t top, left;    /* the first one's window begins at pixel -top, -left */
    int64_t window, step; /* pixels of a window, and from one to the next */
    winograd_turn *turn;  /* a window to side x side planes */
    int64_t side;
};

/* A cell's picture, and its place there. */
struct winograd_cell {
    int64_t b, y, x;
};

static inline struct winograd_cell winograd_cell(int64_t rows, int64_t cols, int64_t i)
{
    return (struct winograd_cell){ i / cols / rows, i / cols % rows, i % cols };
}

static inline void winograd_next(int64_t rows, int64_t cols, struct winograd_cell *at)
{
    if (++at->x < cols)
        return;
    at->x = 0;
    if (++at->y < rows)
        return;
    at->y = 0;
    at->b++;
}

/* The planes of n cells from `first` on: cell i of plane p goes to[p * plane + i * pitch ...], all
 * channels of the source. room: for one window. */
void CPU(winograd_turn_cells)(const struct winograd_cells *c, int64_t first, int64_t n, float *to,
                              int64_t pitch, int64_t plane, float *room);

#endif
