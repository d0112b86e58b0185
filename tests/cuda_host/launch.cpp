#include "tests/cuda_host/launch.h"

#include <cstring>
#include <map>

#include "tests/cuda_host/error.h"
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

/* The fault that a test has asked for. */
static bool is_wanted_fault(const launch_config &config)
{
    const char *wanted = option_fault();
    return wanted && strstr(config.kernel, wanted);
}

static void run(const launch_config &config, const std::function<void()> &body)
{
    if (is_wanted_fault(config))
        fault_report(words("kernel %s: the fault that CUDA_HOST_FAULT asks for", config.kernel));
    else
        grid_run(config, body);
}

void launch_queue(const launch_config &config, const void *kernel, cudaStream_t stream,
                  std::function<void()> body)
{
    api([&] {
        cudaError_t error = check(config, kernel);
        return error ? error : enqueue(stream, [config, body] { run(config, body); });
    });
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
