/*
 * What every call of the runtime API has in common: one at a time, an error is remembered for
 * cudaGetLastError, and after a fault on the device every call fails.
 */
#ifndef CUDA_HOST_ERROR_H
#define CUDA_HOST_ERROR_H

#include <mutex>

#include "tests/cuda_host/fault.h"
#include "tests/cuda_host/runtime_api.h"

namespace cuda_host {

/* Guards all state of the shim. */
std::recursive_mutex &api_lock();
/* Remembers an error; returns it. */
cudaError_t api_result(cudaError_t error);

/* The failure that a test asks of this call, if any; a sticky one stays. */
cudaError_t wanted_failure(const char *call);

/* call: the function of the API that asks. */
template <typename Work>
cudaError_t api(const Work &work, const char *call = __builtin_FUNCTION())
{
    std::lock_guard<std::recursive_mutex> guard(api_lock());
    cudaError_t error = fault_text().empty() ? wanted_failure(call) : cudaErrorLaunchFailure;
    if (error == cudaSuccess)
        error = work();
    if (error == cudaSuccess && !fault_text().empty())
        error = cudaErrorLaunchFailure;
    return api_result(error);
}

/* What gives something back does so even then, and says what is wrong all the same: a device that is
 * closed leaves nothing behind on the host. */
template <typename Work>
cudaError_t api_release(const Work &work, const char *call = __builtin_FUNCTION())
{
    std::lock_guard<std::recursive_mutex> guard(api_lock());
    cudaError_t error = wanted_failure(call);
    if (error == cudaSuccess)
        error = work();
    return api_result(fault_text().empty() ? error : cudaErrorLaunchFailure);
}

/* An error of the caller, told on stderr, too: its code alone says little. */
cudaError_t refuse(cudaError_t error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

}

#endif
