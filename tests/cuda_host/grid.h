/*
 * Runs a grid of threads: one block after the other, the threads of a block as fibers that run as
 * far as they can before another takes over. The order of blocks and threads is shuffled by the
 * seed. What goes wrong inside a kernel ends the launch with words that name kernel, block, thread.
 */
#ifndef CUDA_HOST_GRID_H
#define CUDA_HOST_GRID_H

#include <cstddef>
#include <functional>

#include "tests/cuda_host/vector_types.h"

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
static const int warpSize = 32;

namespace cuda_host {

static const unsigned WARP = 32;

struct launch_config {
    const char *kernel;
    dim3 grid, block;
    size_t shared_bytes; /* dynamic shared memory */
};

/* Runs body as every thread. False: a fault, told by fault_report. */
bool grid_run(const launch_config &config, const std::function<void()> &body);

/* ---- from inside a kernel ---- */

/* Where a thread waits, for the words of faults. */
struct place {
    const char *what, *file;
    int line;
};

/* Ends the launch with words. */
[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The barrier of all threads of the block: each brings a number, and each gets their `kind`. */
enum barrier_kind { BARRIER_PLAIN, BARRIER_COUNT, BARRIER_AND, BARRIER_OR };
int barrier(const place &here, barrier_kind kind, int value);

/*
 * What the lanes of a warp do together. Each brings its own data; when all lanes of the mask that
 * have not returned are there, `finish` runs once and sees all of it (null for lanes that are not
 * there; `data` is never null). Lanes of the mask that are somewhere else, or bring another mask, are a fault.
 */
struct warp_call {
    place here;
    unsigned mask;
    void *data;
    void (*finish)(void *const *lane_data);
};
void warp_together(const warp_call &call);
/* The caller's place in its warp. */
unsigned lane_id();

/* The block's dynamic shared memory. */
void *dynamic_shared_memory();

}

#endif
