/*
 * Bump allocator over one block of device memory (tensor data) and one of host memory (struct
 * tensor, tape records). Everything an op makes lives here until the caller releases back to a
 * mark.
 *
 *     struct arena_mark m = arena_mark(a);
 *     ... ops ...
 *     arena_release(a, m);
 *
 * A planning arena has no memory: it only counts, so that a pass can be sized before it runs
 * (pass.h).
 */
#ifndef KERNELS_ARENA_H
#define KERNELS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kernels/device.h"

struct arena_mark {
    size_t device, host;
};

struct arena {
    struct device *dev; /* borrowed */
    bool planning;
    unsigned char *block;
    size_t size, used, peak; /* device bytes */
    unsigned char *host;
    size_t host_size, host_used, host_peak;
};

/* bytes: device memory; host_bytes: room for records (ARENA_HOST_BYTES suits every network here).
 */
#define ARENA_HOST_BYTES ((size_t)8 << 20)
int arena_init(struct arena *a, struct device *dev, size_t bytes, size_t host_bytes, struct err *e);
/* Counts only; tensors get data = NULL. */
int arena_init_planning(struct arena *a, size_t host_bytes, struct err *e);
void arena_release_all(struct arena *a);
/* Frees the memory. */
void arena_free(struct arena *a);

struct arena_mark arena_mark(const struct arena *a);
void arena_release(struct arena *a, struct arena_mark m);

/* A tensor with data (64-byte aligned, uninitialised); NULL when full: e says how much was wanted
 * and is there. */
struct tensor *arena_tensor(struct arena *a, enum dtype t, int n_dims, const int64_t *dim,
                            struct err *e);
/* Host record, zeroed, 16-byte aligned. */
void *arena_host(struct arena *a, size_t bytes, struct err *e);
/* Most device bytes ever in use; what a planned pass needs. */
size_t arena_peak(const struct arena *a);

#endif
