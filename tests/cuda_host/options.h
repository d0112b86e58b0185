/*
 * What a test may choose, by environment variables, read again at each launch or call:
 *
 *   CUDA_HOST_SEED     order of blocks, threads and streams (1)
 *   CUDA_HOST_DEVICES  how many devices there are (1)
 *   CUDA_HOST_MEMORY   bytes of memory that a device has (4 GiB)
 *   CUDA_HOST_FAULT    launches of kernels with this in their names fail (none)
 */
#ifndef CUDA_HOST_OPTIONS_H
#define CUDA_HOST_OPTIONS_H

#include <cstdint>

namespace cuda_host {

uint64_t option_seed();
uint64_t option_devices();
uint64_t option_memory();
/* Null: none. */
const char *option_fault();

/* Small, quick and the same everywhere (splitmix64). */
struct shuffler {
    uint64_t state;

    uint64_t next();
    uint32_t below(uint32_t n);
};

}

#endif
