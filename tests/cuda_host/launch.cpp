#include "tests/cuda_host/launch.h"

#include <map>

#include "tests/cuda_host/error.h"
#include "tests/cuda_host/inject.h"
#include "tests/cuda_host/options.h"
#include "tests/cuda_host/stream.h"

namespace cuda_host {

static const int SHARED_DEFAULT = 48 << 10;

static std::map<const void *, int> &shared_allowed() /* by kernel */
{
    static std::map<const void *, int> all;
    return all;
}

static size_t most_shared(const void *kernel)
{
    auto at = shared_allowed().find(kernel);
    return (size_t)(at == shared_allowed().end() ? SHARED_DEFAULT : at->second);
}

static cudaError_t check(const launch_config &c, const void *kernel)
{
    const dim3 &g = c.grid, &b = c.block;
    if (!g.x || !g.y || !g.z || g.x > 0x7fffffff || g.y > 65535 || g.z > 65535)
        return refuse(cudaErrorInvalidConfiguration, "%s: a grid of (%u,%u,%u)", c.kernel, g.x,
                      g.y, g.z);
    if (!b.x || !b.y || !b.z || b.z > 64 || (uint64_t)b.x * b.y * b.z > 1024)
        return refuse(cudaErrorInvalidConfiguration, "%s: a block of (%u,%u,%u)", c.kernel, b.x,
                      b.y, b.z);
    if (c.shared_bytes > most_shared(kernel))
        return refuse(cudaErrorInvalidValue, "%s: %zu bytes of dynamic shared memory; %zu allowed",
                      c.kernel, c.shared_bytes, most_shared(kernel));
    return cudaSuccess;
}

/* What the stream does in its turn; a fault that a test asks for is the kernel's. */
static work work_of(const launch_config &config, const std::function<void()> &body, bool fault)
{
    if (!fault)
        return [config, body] { grid_run(config, body); };
    return [config] {
        fault_report(words("kernel %s: the failure that CUDA_HOST_FAIL asks for", config.kernel));
    };
}

static cudaError_t queue(const launch_config &config, const void *kernel, cudaStream_t stream,
                         const std::function<void()> &body)
{
    cudaError_t wanted = injected(config.kernel), error = check(config, kernel);
    if (error || (wanted && !is_sticky(wanted)))
        return error ? error : wanted;
    error = enqueue(stream, work_of(config, body, is_sticky(wanted)));
    if (!error && option_blocking() && !recording())
        error = cudaStreamSynchronize(stream);
    return error;
}

void launch_queue(const launch_config &config, const void *kernel, cudaStream_t stream,
                  std::function<void()> body)
{
    api([&] { return queue(config, kernel, stream, body); }, "a launch");
}

cudaError_t function_attribute(const void *kernel, cudaFuncAttribute attribute, int value)
{
    return api([&] {
        if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
            return cudaSuccess;
        int most;
        cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, present_device());
        if (value < 0 || value > most)
            return refuse(cudaErrorInvalidValue, "%d bytes of dynamic shared memory; %d exist",
                          value, most);
        shared_allowed()[kernel] = value;
        return cudaSuccess;
    });
}

}
