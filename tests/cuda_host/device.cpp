/* The devices: how many, which is the present one, and what they say of themselves. */
#include <cstdio>
#include <map>
#include <thread>

#include "tests/cuda_host/error.h"
#include "tests/cuda_host/options.h"
#include "tests/cuda_host/stream.h"

namespace cuda_host {

/* By thread; not thread_local, which is what kernels call shared memory. */
static int &present()
{
    static std::map<std::thread::id, int> all;
    return all[std::this_thread::get_id()];
}

int present_device()
{
    return present();
}

static cudaError_t check(int device)
{
    if (device >= 0 && (uint64_t)device < option_devices())
        return cudaSuccess;
    return option_devices() ? cudaErrorInvalidDevice : cudaErrorNoDevice;
}

/* As sm_80, the least that the project is built for, but small: few blocks fill it. */
static cudaDeviceProp properties()
{
    cudaDeviceProp p = {};
    snprintf(p.name, sizeof p.name, "the CPU as a CUDA device");
    p.totalGlobalMem = option_memory();
    p.sharedMemPerBlock = 48 << 10;
    p.sharedMemPerBlockOptin = 99 << 10; /* the least of sm_80 and newer: that of sm_86 and sm_89 */
    p.sharedMemPerMultiprocessor = 100 << 10;
    p.major = (int)option_compute() / 10;
    p.minor = (int)option_compute() % 10;
    p.warpSize = 32;
    p.multiProcessorCount = 2;
    p.maxThreadsPerBlock = 1024;
    p.maxThreadsPerMultiProcessor = 1536;
    p.regsPerBlock = p.regsPerMultiprocessor = 65536;
    p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
    p.maxThreadsDim[2] = 64;
    p.maxGridSize[0] = 0x7fffffff;
    p.maxGridSize[1] = p.maxGridSize[2] = 65535;
    return p;
}

static int attribute_of(const cudaDeviceProp &p, cudaDeviceAttr attribute)
{
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
        return p.maxThreadsPerBlock;
    case cudaDevAttrMaxSharedMemoryPerBlock:
        return (int)p.sharedMemPerBlock;
    case cudaDevAttrWarpSize:
        return p.warpSize;
    case cudaDevAttrMultiProcessorCount:
        return p.multiProcessorCount;
    case cudaDevAttrComputeCapabilityMajor:
        return p.major;
    case cudaDevAttrComputeCapabilityMinor:
        return p.minor;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        return (int)p.sharedMemPerBlockOptin;
    }
    return 0;
}

}

using namespace cuda_host;

cudaError_t cudaGetDeviceCount(int *ret_n)
{
    return api([&] {
        *ret_n = 0;
        if (option_driver() < CUDART_VERSION)
            return cudaErrorInsufficientDriver;
        *ret_n = (int)option_devices();
        return *ret_n ? cudaSuccess : cudaErrorNoDevice;
    });
}

cudaError_t cudaSetDevice(int device)
{
    return api([&] {
        cudaError_t error = check(device);
        if (!error)
            present() = device;
        return error;
    });
}

cudaError_t cudaGetDevice(int *ret_device)
{
    return api([&] {
        *ret_device = present();
        return check(present());
    });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *ret_properties, int device)
{
    return api([&] {
        *ret_properties = properties();
        return check(device);
    });
}

cudaError_t cudaDeviceGetAttribute(int *ret_value, cudaDeviceAttr attribute, int device)
{
    return api([&] {
        *ret_value = attribute_of(properties(), attribute);
        return check(device);
    });
}

cudaError_t cudaDriverGetVersion(int *ret_version)
{
    *ret_version = (int)option_driver();
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *ret_version)
{
    *ret_version = CUDART_VERSION;
    return cudaSuccess;
}
