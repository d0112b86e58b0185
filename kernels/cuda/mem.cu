/*
 * The device: opening it, its memory, and words for what goes wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/launch.cuh"

extern "C" {
#include "base/mem.h"
}

#define COMPUTE_MAJOR_MIN 8
#define WORKSPACE_BYTES ((size_t)32 << 20) /* what cuBLAS recommends for its largest devices */

/* ---- errors ---- */

/* What CUDA refuses before it has begun: whoever asked gets no result, and the next may. After any
 * other error it refuses all further work of the process. */
static const struct {
    cudaError_t code;
    enum err_code meaning;
} REFUSALS[] = {
    { cudaErrorMemoryAllocation, ERR_NOMEM },
    { cudaErrorInvalidValue, ERR_INTERNAL },
    { cudaErrorInvalidConfiguration, ERR_INTERNAL },
    { cudaErrorLaunchOutOfResources, ERR_INTERNAL },
};

static enum err_code meaning_of(cudaError_t code)
{
    for (const auto &refusal : REFUSALS)
        if (refusal.code == code)
            return refusal.meaning;
    return ERR_DEVICE;
}

int cuda_fail(const char *op, ctensor *shape, cudaError_t code, struct err *e)
{
    char words[80] = "";
    if (shape)
        tensor_describe(shape, words, sizeof words);
    cudaGetLastError(); /* told: the next launch is not to blame */
    return err_set(e, meaning_of(code), "%s%s%s: %s (%s)", op, shape ? " of " : "", words,
                   cudaGetErrorString(code), cudaGetErrorName(code));
}

int cuda_launched(const char *op, ctensor *shape, struct err *e)
{
    cudaError_t code = cudaGetLastError();
    return code == cudaSuccess ? 0 : cuda_fail(op, shape, code, e);
}

/* 0, or the failure of a call that is about bytes, not about tensors. */
static int check(cudaError_t code, const char *what, size_t bytes, struct err *e)
{
    if (code == cudaSuccess)
        return 0;
    cuda_fail(what, NULL, code, e);
    return bytes ? err_prefix(e, "%zu bytes: ", bytes) : -1;
}

/* ---- opening ---- */

/* Says which of driver and device is missing, and what to do. */
static int find_device(struct err *e)
{
    int driver = 0, runtime = 0, devices = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    cudaError_t code = cudaGetDeviceCount(&devices);
    if (code == cudaSuccess && devices > 0)
        return 0;
    if (driver == 0)
        return err_set(e, ERR_DEVICE,
                       "no NVIDIA driver is loaded (this build wants one for CUDA %d.%d); install "
                       "it, or take the cpu backend",
                       runtime / 1000, runtime % 1000 / 10);
    return err_set(e, ERR_DEVICE,
                   "no usable GPU: %s; the driver is for CUDA %d.%d, this build for %d.%d; update "
                   "the driver, look at nvidia-smi and CUDA_VISIBLE_DEVICES, or take the cpu "
                   "backend",
                   code == cudaSuccess ? "none is visible" : cudaGetErrorString(code),
                   driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
}

static int open_blas(struct cuda *c, struct err *e)
{
    cublasStatus_t status = cublasCreate(&c->blas);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasSetStream(c->blas, c->stream);
    /* A workspace of our own: cuBLAS takes no memory later, and its results are the same each time.
     */
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cublasSetWorkspace(c->blas, c->blas_workspace, WORKSPACE_BYTES);
    if (status != CUBLAS_STATUS_SUCCESS)
        return err_set(e, ERR_DEVICE, "cuBLAS does not start: %s", cublasGetStatusString(status));
    return 0;
}

/* There is code for A100 and newer ones. */
static int check_compute(const struct cuda *c, struct err *e)
{
    int major = 0, minor = 0;
    if (check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, c->device),
              "asking for the compute capability", 0, e) ||
        check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, c->device),
              "asking for the compute capability", 0, e))
        return -1;
    if (major < COMPUTE_MAJOR_MIN)
        return err_set(
            e, ERR_DEVICE,
            "GPU %d has compute capability %d.%d, this build wants %d.0 or later; choose "
            "another with CUDA_VISIBLE_DEVICES, or take the cpu backend",
            c->device, major, minor, COMPUTE_MAJOR_MIN);
    return 0;
}

static int take_device(struct cuda *c, struct err *e)
{
    if (check(cudaGetDevice(&c->device), "choosing a GPU", 0, e) || check_compute(c, e) ||
        check(
            cudaDeviceGetAttribute(&c->multiprocessors, cudaDevAttrMultiProcessorCount, c->device),
            "counting multiprocessors", 0, e) ||
        check(cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking), "making a stream", 0,
              e) ||
        check(cudaMalloc(&c->blas_workspace, WORKSPACE_BYTES), "workspace of cuBLAS",
              WORKSPACE_BYTES, e) ||
        check(cudaMalloc(&c->scratch, CUDA_SCRATCH_BYTES), "scratch", CUDA_SCRATCH_BYTES, e))
        return -1;
    return open_blas(c, e);
}

/* "NVIDIA H100 80GB HBM3, compute 9.0, 79 of 80 GiB free" */
static int describe_device(const struct cuda *c, char *describe, size_t n, struct err *e)
{
    cudaDeviceProp is;
    size_t free = 0, total = 0;
    if (check(cudaGetDeviceProperties(&is, c->device), "asking for the GPU's name", 0, e) ||
        check(cudaMemGetInfo(&free, &total), "asking for free memory", 0, e))
        return -1;
    snprintf(describe, n, "%s, compute %d.%d, %.1f of %.1f GiB free", is.name, is.major, is.minor,
             (double)free / (1 << 30), (double)total / (1 << 30));
    return 0;
}

/* As CUDA reads it. */
static bool is_blocking()
{
    const char *value = getenv("CUDA_LAUNCH_BLOCKING");
    return value && strcmp(value, "0") != 0;
}

void cuda_close(void *ctx)
{
    struct cuda *c = (struct cuda *)ctx;
    if (!c)
        return;
    if (c->stream)
        cudaStreamSynchronize(c->stream);
    if (c->blas)
        cublasDestroy(c->blas);
    cudaFree(c->scratch);
    cudaFree(c->blas_workspace);
    if (c->stream)
        cudaStreamDestroy(c->stream);
    mem_free(c);
}

int cuda_open(int threads, void **ret_ctx, char *describe, size_t describe_size, struct err *e)
{
    (void)threads;
    if (find_device(e))
        return -1;
    struct cuda *c = (struct cuda *)mem_alloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_NOMEM, "cuda: no host memory");
    c->products = DTYPE_F32;
    c->blocking = is_blocking();
    if (take_device(c, e) || describe_device(c, describe, describe_size, e)) {
        cuda_close(c);
        return -1;
    }
    *ret_ctx = c;
    return 0;
}

void cuda_set_threads(void *ctx, int threads)
{
    (void)ctx, (void)threads; /* of the CPU */
}

/* ---- memory ---- */

int cuda_mem_alloc(void *ctx, size_t bytes, void **ret_data, struct err *e)
{
    void *data;
    (void)ctx;
    if (check(cudaMalloc(&data, bytes ? bytes : 1), "GPU memory", bytes, e))
        return -1;
    *ret_data = data;
    return 0;
}

void cuda_mem_free(void *ctx, void *data)
{
    (void)ctx;
    cudaFree(data);
}

/* Pageable host memory is read before the call returns (CUDA's documented behaviour), so src may be
 * reused. */
int cuda_upload(void *ctx, void *dst, const void *src, size_t n, struct err *e)
{
    struct cuda *c = (struct cuda *)ctx;
    return check(cudaMemcpyAsync(dst, src, n, cudaMemcpyHostToDevice, c->stream), "upload", n, e);
}

int cuda_download_wait(void *ctx, void *dst, const void *src, size_t n, struct err *e)
{
    struct cuda *c = (struct cuda *)ctx;
    if (check(cudaMemcpyAsync(dst, src, n, cudaMemcpyDeviceToHost, c->stream), "download", n, e))
        return -1;
    return check(cudaStreamSynchronize(c->stream), "download", n, e);
}

int cuda_copy(void *ctx, void *dst, const void *src, size_t n, struct err *e)
{
    struct cuda *c = (struct cuda *)ctx;
    return check(cudaMemcpyAsync(dst, src, n, cudaMemcpyDeviceToDevice, c->stream), "copy", n, e);
}

int cuda_zero(void *ctx, void *dst, size_t n, struct err *e)
{
    struct cuda *c = (struct cuda *)ctx;
    return check(cudaMemsetAsync(dst, 0, n, c->stream), "zero", n, e);
}

int cuda_wait(void *ctx, struct err *e)
{
    struct cuda *c = (struct cuda *)ctx;
    return check(cudaStreamSynchronize(c->stream), "waiting for the GPU", 0, e);
}
