/* CUDA's runtime API and device functions for a C++ compiler; see tests/cuda_host/README.md. */
#ifndef CUDA_HOST_CUDA_RUNTIME_H
#define CUDA_HOST_CUDA_RUNTIME_H

#include "tests/cuda_host/qualifiers.h"
#include "tests/cuda_host/vector_types.h"
#include "tests/cuda_host/runtime_api.h"
#include "tests/cuda_host/launch.h"
#include "tests/cuda_host/warp.h"
#include "tests/cuda_host/atomic.h"
#include "tests/cuda_host/intrinsics.h"

#endif
