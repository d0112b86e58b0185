#include "model/gen_graph.h"

#define BLOCK 8 /* rows that a device's products take at once: fewer of them save nothing */

void gen_graphs_init(struct gen_graphs *g, struct device *dev, int rows_max)
{
    *g = (struct gen_graphs){ .dev = dev, .rows_max = rows_max, .usable = device_has_graphs(dev) };
}

void gen_graphs_release(struct gen_graphs *g)
{
    for (int i = 0; i < g->n; i++)
        device_graph_free(g->dev, g->of[i].graph);
    *g = (struct gen_graphs){ 0 };
}

static int size_of(const struct gen_graphs *g, int rows)
{
    int size = 1;

    while (size < rows)
        size += size < BLOCK ? size : BLOCK;
    return size < g->rows_max ? size : g->rows_max;
}

struct gen_graph *gen_graphs_find(struct gen_graphs *g, int rows)
{
    int i = 0, size = size_of(g, rows);

    while (i < g->n && g->of[i].rows != size)
        i++;
    if (i == g->n)
        g->of[g->n++] = (struct gen_graph){ .rows = size };
    return &g->of[i];
}
