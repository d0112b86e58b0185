#include "tests/cuda_host/memory.h"

#include <cstring>
#include <map>
#include <new>
#include <vector>

#include "tests/cuda_host/error.h"
#include "tests/cuda_host/options.h"
#include "tests/cuda_host/sentinel.h"
#include "tests/cuda_host/stream.h"

namespace cuda_host {

static const unsigned char POISON = 0xff;
static const std::align_val_t ALIGNMENT = std::align_val_t(256); /* as cudaMalloc's */

struct allocation {
    char *data; /* between two sentinels */
    size_t bytes;
    int device; /* HOST: pinned */
};

static const int HOST = -1;

static std::map<const char *, allocation> &allocations() /* by address */
{
    static std::map<const char *, allocation> all;
    return all;
}

static size_t bytes_used(int device)
{
    size_t sum = 0;
    for (const auto &a : allocations())
        sum += a.second.device == device ? a.second.bytes : 0;
    return sum;
}

/* The allocation that holds the byte at p; null: none, so p is pageable memory of the host. */
static const allocation *find(const void *p)
{
    auto after = allocations().upper_bound((const char *)p);
    if (after == allocations().begin())
        return nullptr;
    const allocation &a = std::prev(after)->second;
    return (const char *)p < a.data + a.bytes ? &a : nullptr;
}

static bool on_device(const void *p)
{
    const allocation *a = find(p);
    return a && a->device != HOST;
}

/* ---- sentinels ---- */

static void check_one(const allocation &a)
{
    const char *side = !sentinel_intact(a.data - SENTINEL_BYTES) ? "before"
                       : !sentinel_intact(a.data + a.bytes)      ? "behind"
                                                                 : nullptr;
    if (side)
        fault_report(words("bytes %s a piece of memory of %zu bytes were written", side, a.bytes));
}

void memory_check()
{
    for (const auto &a : allocations())
        check_one(a.second);
}

/* ---- taking and giving back ---- */

static cudaError_t take(void **ret_data, size_t bytes, int device)
{
    char *block = (char *)operator new(bytes + 2 * SENTINEL_BYTES, ALIGNMENT, std::nothrow);
    if (!block)
        return cudaErrorMemoryAllocation;
    allocation a = { block + SENTINEL_BYTES, bytes, device };
    memset(a.data, POISON, bytes);
    sentinel_write(a.data - SENTINEL_BYTES);
    sentinel_write(a.data + bytes);
    allocations()[a.data] = a;
    *ret_data = a.data;
    return cudaSuccess;
}

static cudaError_t give_back(void *data, bool pinned)
{
    auto at = allocations().find((const char *)data);
    if (at == allocations().end() || (at->second.device == HOST) != pinned)
        return refuse(cudaErrorInvalidValue, "freed memory that was not taken there");
    allocation a = at->second;
    check_one(a);
    sentinel_erase(a.data - SENTINEL_BYTES);
    sentinel_erase(a.data + a.bytes);
    allocations().erase(at);
    operator delete(a.data - SENTINEL_BYTES, ALIGNMENT);
    return cudaSuccess;
}

/* ---- ranges ---- */

/* `bytes` at p are inside one allocation of the present device. */
static cudaError_t check_device(const char *call, const void *p, size_t bytes)
{
    const allocation *a = find(p);
    if (!a || a->device == HOST)
        return refuse(cudaErrorInvalidValue, "%s: %p is no memory of the device", call, p);
    if (a->device != present_device())
        return refuse(cudaErrorInvalidValue, "%s: memory of device %d, but device %d is present",
                      call, a->device, present_device());
    size_t offset = (size_t)((const char *)p - a->data);
    if (bytes > a->bytes - offset)
        return refuse(cudaErrorInvalidValue, "%s: %zu bytes at %zu are beyond %zu of them", call,
                      bytes, offset, a->bytes);
    return cudaSuccess;
}

static cudaError_t check_host(const char *call, const void *p)
{
    if (on_device(p))
        return refuse(cudaErrorInvalidValue, "%s: %p is memory of the device, not of the host",
                      call, p);
    return cudaSuccess;
}

static cudaMemcpyKind kind_of(const void *to, const void *from, cudaMemcpyKind kind)
{
    if (kind != cudaMemcpyDefault)
        return kind;
    return on_device(to) ? on_device(from) ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice
           : on_device(from) ? cudaMemcpyDeviceToHost
                             : cudaMemcpyHostToHost;
}

static cudaError_t check_copy(const void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    cudaError_t error = from_device ? check_device("copy from", from, bytes)
                                    : check_host("copy from", from);
    if (error)
        return error;
    return to_device ? check_device("copy to", to, bytes) : check_host("copy to", to);
}

/* ---- copies ---- */

/* Pageable memory is read before the call returns, pinned memory when the copy runs. */
static bool read_at_once(const void *from, cudaMemcpyKind kind)
{
    return kind == cudaMemcpyHostToDevice && !find(from) && !recording();
}

static cudaError_t copy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                        cudaStream_t stream)
{
    kind = kind_of(to, from, kind);
    cudaError_t error = check_copy(to, from, bytes, kind);
    if (error || bytes == 0)
        return error;
    if (!read_at_once(from, kind))
        return enqueue(stream, [=] { memmove(to, from, bytes); });
    std::vector<char> kept((const char *)from, (const char *)from + bytes);
    return enqueue(stream, [to, kept] { memcpy(to, kept.data(), kept.size()); });
}

}

using namespace cuda_host;

cudaError_t cudaMalloc(void **ret_data, size_t bytes)
{
    return api([&] {
        cudaError_t error = refuse_while_recording("cudaMalloc");
        if (error)
            return error;
        if (bytes > option_memory() - bytes_used(present_device()))
            return cudaErrorMemoryAllocation;
        return take(ret_data, bytes, present_device());
    });
}

cudaError_t cudaFree(void *data)
{
    return api_release([&] {
        cudaError_t error = refuse_while_recording("cudaFree");
        if (error || !data)
            return error;
        run_everything(); /* as the device does: work that is queued may use it */
        return give_back(data, false);
    });
}

cudaError_t cudaMallocHost(void **ret_data, size_t bytes)
{
    return api([&] { return take(ret_data, bytes, HOST); });
}

cudaError_t cudaHostAlloc(void **ret_data, size_t bytes, unsigned)
{
    return cudaMallocHost(ret_data, bytes);
}

cudaError_t cudaFreeHost(void *data)
{
    return api_release([&] { return data ? give_back(data, true) : cudaSuccess; });
}

cudaError_t cudaMemGetInfo(size_t *ret_free, size_t *ret_total)
{
    return api([&] {
        *ret_total = option_memory();
        *ret_free = *ret_total - bytes_used(present_device());
        return cudaSuccess;
    });
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    return api([&] {
        cudaError_t error = refuse_while_recording("cudaMemcpy");
        if (!error)
            error = copy(to, from, bytes, kind, nullptr);
        while (!error && run_one(stream_of(nullptr)))
            ;
        return error;
    });
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    return api([&] { return copy(to, from, bytes, kind, stream); });
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t stream)
{
    return api([&] {
        cudaError_t error = cudaSuccess;
        for (size_t i = 0; i < height && !error; i++)
            error = copy((char *)to + i * to_pitch, (const char *)from + i * from_pitch, width,
                         kind, stream);
        return error;
    });
}

cudaError_t cudaMemset(void *data, int value, size_t bytes)
{
    return cudaMemsetAsync(data, value, bytes, nullptr);
}

cudaError_t cudaMemsetAsync(void *data, int value, size_t bytes, cudaStream_t stream)
{
    return api([&] {
        cudaError_t error = bytes ? check_device("set", data, bytes) : cudaSuccess;
        return error || !bytes ? error : enqueue(stream, [=] { memset(data, value, bytes); });
    });
}
