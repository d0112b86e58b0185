/*
 * Steps of generation as graphs (kernels/device.h): what a step of so many rows does is the same
 * every time, but for the numbers that it is told. There is one graph for each of a few numbers of
 * rows; smaller steps are filled up with idle rows. The second step of a size is recorded: the
 * first one may make the device load code, which must not happen while it records. Private to
 * model/.
 */
#ifndef MODEL_GEN_GRAPH_H
#define MODEL_GEN_GRAPH_H

#include "kernels/device.h"

/* 1, 2, 4, 8, 16, 24, 32 .. 128 */
#define GEN_GRAPHS_MAX 19

struct gen_graph {
    int rows;             /* with idle ones, which are sequences of their own */
    bool met;             /* a step of this size has been run */
    void *graph;          /* NULL: not recorded yet */
    struct tensor words;  /* where the step is told */
    struct tensor tokens; /* I32 [rows]: its answer */
};

struct gen_graphs {
    struct device *dev; /* borrowed */
    int rows_max;
    bool usable; /* the device has graphs, and none has failed */
    int n;
    struct gen_graph of[GEN_GRAPHS_MAX];
};

void gen_graphs_init(struct gen_graphs *g, struct device *dev, int rows_max);
void gen_graphs_release(struct gen_graphs *g);

/* The graph for a step of so many rows, 1..rows_max, recorded or not. */
struct gen_graph *gen_graphs_find(struct gen_graphs *g, int rows);

#endif
