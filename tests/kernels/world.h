/*
 * What a test of passes needs: a device, memory, a tape and a pass on them. Any failure fails the
 * test. Tensors hold random numbers that depend on their order of making only.
 */
#ifndef TESTS_KERNELS_WORLD_H
#define TESTS_KERNELS_WORLD_H

#include "kernels/op.h"
#include "kernels/tape.h"

struct world {
    struct device *dev;
    struct arena arena;
    struct tape *tape;
    struct pass p;
    uint64_t n_made; /* tensors made so far: the stream of the next one's numbers */
};

/* bytes: of the arena. */
void world_init(struct world *w, size_t bytes);
/* The same without device and memory: a planning arena. */
void world_init_planning(struct world *w);
void world_release(struct world *w);
/* Empties arena and tape and starts the pass again. */
void world_restart(struct world *w);

/* Normal random numbers; grad: a parameter, with its own zeroed gradient. */
struct tensor *world_tensor(struct world *w, bool grad, int n_dims, const int64_t *dim);
#define WORLD_TENSOR(w, grad, ...)                                                                 \
    world_tensor(w, grad, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),             \
                 (int64_t[]){ __VA_ARGS__ })
/* I32 ids. */
struct tensor *world_ids(struct world *w, int64_t n, const int32_t *ids);

/* A copy of t's bytes on the host; mem_free. */
void *world_read(struct world *w, const struct tensor *t);
float world_scalar(struct world *w, const struct tensor *t);
void world_check_same(struct world *w, const struct tensor *a, const struct tensor *b);
/* The pass has not failed. */
void world_check(struct world *w);

#endif
