/* What the tests of the shim share: launches, device memory, and what is expected of a wait. */
#ifndef CUDA_HOST_TEST_DEVICE_H
#define CUDA_HOST_TEST_DEVICE_H

#include <cuda_runtime.h>

#include <string>
#include <vector>

#include "tests/cuda_host/fault.h"

extern "C" {
#include "tests/test.h"
}

#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                     \
    cuda_host::launch(#kernel, kernel, grid, block, shared_bytes, stream, __VA_ARGS__)
#define ALL_LANES 0xffffffffu

static inline void expect_success(cudaError_t error)
{
    if (error)
        fail_msg("%s", cudaGetErrorString(error));
}

/* Everything that is queued runs, and nothing is wrong with it. */
static inline void run_well()
{
    expect_success(cudaGetLastError());
    expect_success(cudaDeviceSynchronize());
}

/* Something is, and these words are said of it. The device starts anew. */
static inline void run_ill(const char *words)
{
    assert_int_equal(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    assert_int_equal(cudaGetLastError(), cudaErrorLaunchFailure);
    std::string text = cudaGetErrorString(cudaErrorLaunchFailure);
    if (text.find(words) == std::string::npos)
        fail_msg("'%s' is not in '%s'", words, text.c_str());
    cuda_host::fault_forget();
}

static inline void set_option(const char *name, long value)
{
    setenv(name, std::to_string(value).c_str(), 1);
}

/* Zeroed device memory, gone at the end of the scope. The host may look at it: it is the CPU's. */
template <typename T> struct device_array {
    T *data;

    explicit device_array(size_t n)
    {
        expect_success(cudaMalloc(&data, n * sizeof(T)));
        expect_success(cudaMemset(data, 0, n * sizeof(T)));
        expect_success(cudaDeviceSynchronize());
    }
    explicit device_array(const std::vector<T> &values) : device_array(values.size())
    {
        expect_success(cudaMemcpy(data, values.data(), values.size() * sizeof(T),
                                  cudaMemcpyHostToDevice));
    }
    ~device_array()
    {
        cudaFree(data);
    }
    T &operator[](size_t i)
    {
        return data[i];
    }
};

#endif
