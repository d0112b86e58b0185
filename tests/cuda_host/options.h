/*
 * What a test may choose, by environment variables, read again at each launch or call:
 *
 *   CUDA_HOST_SEED       order of blocks, threads and streams (1)
 *   CUDA_HOST_DEVICES    how many devices there are (1)
 *   CUDA_HOST_MEMORY     bytes of memory that a device has (4 GiB)
 *   CUDA_HOST_COMPUTE    its compute capability, 80 for 8.0 (80)
 *   CUDA_HOST_DRIVER     the version of CUDA that the driver is for, 0: no driver (the runtime's)
 *   CUDA_HOST_FAIL       "CALL N ERROR": of the calls of functions and kernels with CALL in their
 *                        names the N-th from now on fails with ERROR (a number of runtime_api.h);
 *                        after 700 and 719, which kernels fail with when they run, all else does
 *   CUDA_HOST_FAIL_FILE  a file that says so, as soon as it is there: for a process that runs
 *   CUDA_LAUNCH_BLOCKING 1: a launch waits for its kernel, as on a device
 */
#ifndef CUDA_HOST_OPTIONS_H
#define CUDA_HOST_OPTIONS_H

#include <cstdint>
#include <string>

namespace cuda_host {

uint64_t option_seed();
uint64_t option_devices();
uint64_t option_memory();
uint64_t option_compute();
uint64_t option_driver();
/* Empty: nothing is to fail. */
std::string option_fail();
bool option_blocking();

/* Small, quick and the same everywhere (splitmix64). */
struct shuffler {
    uint64_t state;

    uint64_t next();
    uint32_t below(uint32_t n);
};

}

#endif
