/*
 * Launching a kernel, as LAUNCH does where <<<>>> is not understood: arguments are taken now, the
 * kernel runs when its stream does.
 */
#ifndef CUDA_HOST_LAUNCH_H
#define CUDA_HOST_LAUNCH_H

#include <tuple>
#include <utility>

#include "tests/cuda_host/grid.h"
#include "tests/cuda_host/runtime_api.h"

namespace cuda_host {

/* What is wrong with the launch is told by cudaGetLastError. kernel: which function it is. */
void launch_queue(const launch_config &config, const void *kernel, cudaStream_t stream,
                  std::function<void()> body);

template <typename... Parameters, typename... Arguments>
void launch(const char *name, void (*kernel)(Parameters...), dim3 grid, dim3 block,
            size_t shared_bytes, cudaStream_t stream, Arguments &&...arguments)
{
    std::tuple<Parameters...> values(std::forward<Arguments>(arguments)...);
    launch_queue({ name, grid, block, shared_bytes }, (const void *)kernel, stream,
                 [kernel, values] { std::apply(kernel, values); });
}

template <typename T> T *dynamic_shared()
{
    return (T *)dynamic_shared_memory();
}

}

#endif
