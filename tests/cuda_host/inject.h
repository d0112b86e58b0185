/*
 * Failures that a test asks for (CUDA_HOST_FAIL, options.h).
 */
#ifndef CUDA_HOST_INJECT_H
#define CUDA_HOST_INJECT_H

#include "tests/cuda_host/runtime_api.h"

namespace cuda_host {

/* What this call, a function of the API or a kernel, is to fail with; cudaSuccess: nothing. */
cudaError_t injected(const char *call);
/* After such an error a device refuses all work. */
bool is_sticky(cudaError_t error);

}

#endif
