/*
 * Memory and tape of a training step. The step is planned first (shapes checked, bytes counted, no
 * kernel run), so a recipe that does not fit says so before it starts.
 */
#ifndef TRAINER_WORKSPACE_H
#define TRAINER_WORKSPACE_H

#include "kernels/pass.h"
#include "kernels/tape.h"

struct workspace {
    struct device *dev; /* borrowed */
    struct arena arena;
    struct tape *tape;
};

/* graph: runs the step in the given pass; it may upload, and read through workspace_read(). */
typedef void workspace_graph(void *self, struct pass *p);

/* Takes what the largest of the n graphs needs. */
int workspace_init(struct workspace *w, struct device *dev, void *self,
                   workspace_graph *const *graphs, int n, struct err *e);
void workspace_release(struct workspace *w);

/* Runs one graph: with_tape for training. seed: of dropout and noise, different for every step. */
int workspace_run(struct workspace *w, void *self, workspace_graph *graph, bool with_tape,
                  uint64_t seed, struct err *e);

/* n elements of a tensor to the host, inside a graph; zeros while planning. */
void workspace_read(struct pass *p, const struct tensor *t, void *dst, size_t bytes);
float workspace_scalar(struct pass *p, const struct tensor *t);

#endif
