/*
 * Shared memory: what kernels declare with __shared__, and the dynamic part. Both are filled with
 * 0xff bytes, NaN as floats, before a block starts.
 */
#ifndef CUDA_HOST_SHARED_H
#define CUDA_HOST_SHARED_H

#include <cstddef>

namespace cuda_host {

/* The thread-local storage of this module for this OS thread: every __shared__ variable of every
 * kernel, and nothing else that matters. */
struct static_shared {
    static_shared();
    void poison();

    char *data;
    size_t bytes;
};

/* Exactly `bytes`, with a sentinel behind them. */
struct dynamic_shared_block {
    explicit dynamic_shared_block(size_t bytes);
    ~dynamic_shared_block();
    dynamic_shared_block(const dynamic_shared_block &) = delete;
    dynamic_shared_block &operator=(const dynamic_shared_block &) = delete;
    void poison();
    /* Nobody wrote behind its end. */
    bool intact() const;

    char *data;
    size_t bytes;
};

}

#endif
