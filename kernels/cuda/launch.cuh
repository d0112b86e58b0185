/*
 * What the CUDA files share: CUDA's headers, launches, the context, and errors. The only file that
 * includes CUDA's headers and the only one that knows two compilers: under another compiler than
 * nvcc the same sources run on the CPU (tests/cuda_host).
 *
 * Rules. A kernel stands above its launcher, which is an entry of the table: it checks dtypes, puts
 * work on the context's stream, never allocates and never waits. Sums run in an order that shapes
 * alone decide, without atomics on floats, and a row's result does not depend on its neighbours:
 * same input, same bytes, in any company. Memory that a kernel needs beyond its operands is the
 * context's scratch, free again when the entry returns, because all work is in one stream.
 */
#ifndef KERNELS_CUDA_LAUNCH_CUH
#define KERNELS_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>
#include <cuda_fp16.h>
#include <cuda_bf16.h>
#include <cublas_v2.h>
#include <mma.h>

#include "kernels/cuda/kernels.h"

/* LAUNCH(kernel, blocks, threads, bytes of dynamic shared memory, stream, arguments...) */
#ifdef __CUDACC__
#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                     \
    kernel<<<grid, block, shared_bytes, stream>>>(__VA_ARGS__)
/* Bytes of the block that the launch gave it, as an array of `type`. */
#define DYNAMIC_SHARED(type, name)                                                                 \
    extern __shared__ __align__(16) unsigned char dynamic_shared_bytes[];                          \
    type *name = (type *)dynamic_shared_bytes
#define UNROLL _Pragma("unroll")
#else
#define LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                     \
    cuda_host::launch(#kernel, kernel, grid, block, shared_bytes, stream, __VA_ARGS__)
#define DYNAMIC_SHARED(type, name) type *name = cuda_host::dynamic_shared<type>()
#define UNROLL
#endif
/* A loop over a constant, which vanishes: what it indexes stays in registers. */
#define EACH(i, n) UNROLL for (int i = 0; i < (n); i++)

/* What kernels need beyond operands; taken once, at open. */
#define CUDA_SCRATCH_BYTES ((size_t)64 << 20)
#define CUDA_SCRATCH_FLOATS ((int64_t)(CUDA_SCRATCH_BYTES / sizeof(float)))

struct cuda {
    int device;
    int multiprocessors;
    cudaStream_t stream; /* all work of this context, in order */
    cublasHandle_t blas;
    enum dtype products; /* what operands of large products are rounded to */
    void *blas_workspace;
    void *scratch; /* CUDA_SCRATCH_BYTES */
    bool blocking; /* somebody wants every launch to wait */
};

/* ---- errors ---- */

/* A shape for words, where there is no tensor. */
static inline struct tensor cuda_shape(int64_t batch, int64_t rows, int64_t cols)
{
    struct tensor t = {};
    t.n_dims = 3;
    t.dim[0] = batch;
    t.dim[1] = rows;
    t.dim[2] = cols;
    return t;
}

/* "layernorm of f32[5, 41]: words of CUDA (its name)"; -1. shape may be NULL. */
int cuda_fail(const char *op, ctensor *shape, cudaError_t code, struct err *e);
/* 0, or -1 with words when a launch failed, or work before it did. */
int cuda_launched(const char *op, ctensor *shape, struct err *e);

/* 0 when every tensor given (NULL: absent) is of type t; else -1, UNSUPPORTED. */
template <class... Tensor>
static inline int cuda_all(enum dtype t, const char *op, struct err *e, const Tensor *...tensors)
{
    int i = 0;
    for (ctensor *operand : { static_cast<ctensor *>(tensors)... }) {
        if (operand && operand->dtype != t)
            return err_set(e, ERR_UNSUPPORTED, "%s: operand %d is %s, CUDA has %s only", op, i,
                           dtype_name(operand->dtype), dtype_name(t));
        i++;
    }
    return 0;
}

#define CUDA_ALL_F32(op, e, ...) cuda_all(DTYPE_F32, op, e, __VA_ARGS__)
#define CUDA_ALL_I32(op, e, ...) cuda_all(DTYPE_I32, op, e, __VA_ARGS__)

/* A tensor's numbers; NULL for one that is absent. */
static inline const float *floats(ctensor *t)
{
    return t ? (const float *)t->data : NULL;
}

static inline float *floats(struct tensor *t)
{
    return t ? (float *)t->data : NULL;
}

static inline const int32_t *ints(ctensor *t)
{
    return (const int32_t *)t->data;
}

/* ---- launches ---- */

#define CUDA_BLOCK 256 /* threads of a block, unless a kernel says otherwise */

static inline __host__ __device__ int64_t ceil_div(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

static inline __host__ __device__ int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* n / by, by positive: 64-bit division costs several times what 32 bits do. */
static inline __device__ int64_t quotient(int64_t n, int64_t by)
{
    return (uint64_t)(n | by) >> 32 ? n / by : (uint32_t)n / (uint32_t)by;
}

static inline __device__ int64_t remainder_of(int64_t n, int64_t by)
{
    return n - quotient(n, by) * by;
}

/* Blocks of a loop over n: enough to fill the device many times; every thread takes turns. */
static inline unsigned cuda_blocks(const struct cuda *c, int64_t n, int block)
{
    return (unsigned)least(ceil_div(n, block), (int64_t)c->multiprocessors * 64);
}

/* This thread's turns at 0..n-1. */
#define EACH_ELEMENT(i, n)                                                                         \
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n);                      \
         i += (int64_t)gridDim.x * blockDim.x)

template <class F> static __global__ void each_kernel(int64_t n, F f)
{
    EACH_ELEMENT (i, n)
        f(i);
}

/* Runs f(0) .. f(n - 1), in no order. */
template <class F>
static int cuda_each(void *ctx, const char *op, ctensor *shape, int64_t n, F f, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    if (n > 0)
        LAUNCH(each_kernel<F>, cuda_blocks(c, n, CUDA_BLOCK), CUDA_BLOCK, 0, c->stream, n, f);
    return cuda_launched(op, shape, e);
}

#endif
