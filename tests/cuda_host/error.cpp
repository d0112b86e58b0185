#include "tests/cuda_host/error.h"

#include <cstdio>

#include "tests/cuda_host/inject.h"

namespace cuda_host {

static const struct {
    cudaError_t error;
    const char *name, *text;
} errors[] = {
    { cudaSuccess, "cudaSuccess", "no error" },
    { cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument" },
    { cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory" },
    { cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
      "invalid configuration argument" },
    { cudaErrorInvalidDevicePointer, "cudaErrorInvalidDevicePointer", "invalid device pointer" },
    { cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
      "CUDA driver version is insufficient for CUDA runtime version" },
    { cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected" },
    { cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal" },
    { cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle",
      "invalid resource handle" },
    { cudaErrorNotReady, "cudaErrorNotReady", "device not ready" },
    { cudaErrorIllegalAddress, "cudaErrorIllegalAddress",
      "an illegal memory access was encountered" },
    { cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
      "too many resources requested for launch" },
    { cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure" },
    { cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
      "operation not permitted when stream is capturing" },
    { cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
      "operation failed due to a previous error during capture" },
    { cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
      "the capture was not initiated in this stream" },
    { cudaErrorUnknown, "cudaErrorUnknown", "unknown error" },
};

static size_t find(cudaError_t error)
{
    size_t n = sizeof errors / sizeof errors[0], i = 0;
    while (i + 1 < n && errors[i].error != error)
        i++;
    return i;
}

std::recursive_mutex &api_lock()
{
    static std::recursive_mutex lock;
    return lock;
}

static cudaError_t last = cudaSuccess;

cudaError_t api_result(cudaError_t error)
{
    /* Not ready is an answer, no error. */
    if (error != cudaSuccess && error != cudaErrorNotReady)
        last = error;
    return error;
}

cudaError_t wanted_failure(const char *call)
{
    cudaError_t error = injected(call);
    if (is_sticky(error))
        fault_report(words("%s: the failure that CUDA_HOST_FAIL asks for", call));
    return error;
}

cudaError_t refuse(cudaError_t error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "cuda_host: %s: %s\n", cudaGetErrorName(error),
            format_words(format, args).c_str());
    va_end(args);
    return error;
}

static cudaError_t present()
{
    return fault_text().empty() ? last : cudaErrorLaunchFailure;
}

}

using namespace cuda_host;

const char *cudaGetErrorName(cudaError_t error)
{
    return errors[find(error)].name;
}

const char *cudaGetErrorString(cudaError_t error)
{
    if (error == cudaErrorLaunchFailure && !fault_text().empty())
        return fault_text().c_str();
    return errors[find(error)].text;
}

cudaError_t cudaGetLastError()
{
    std::lock_guard<std::recursive_mutex> guard(api_lock());
    cudaError_t error = present();
    last = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError()
{
    std::lock_guard<std::recursive_mutex> guard(api_lock());
    return present();
}
