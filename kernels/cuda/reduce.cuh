/*
 * Sums and maxima over the threads of a warp or a block: every thread gets the result. The order is
 * fixed by the number of threads.
 */
#ifndef KERNELS_CUDA_REDUCE_CUH
#define KERNELS_CUDA_REDUCE_CUH

#include "kernels/cuda/launch.cuh"

#define WARP 32
#define ALL_LANES 0xffffffffu

struct add_up {
    template <class T> __device__ T operator()(T a, T b) const
    {
        return a + b;
    }
};

struct take_larger {
    template <class T> __device__ T operator()(T a, T b) const
    {
        return a < b ? b : a;
    }
};

/* Over `width` neighbouring lanes, a power of two. */
template <class T, class Op> static __device__ T warp_reduce(T x, Op op, int width = WARP)
{
    for (int step = width / 2; step > 0; step /= 2)
        x = op(x, __shfl_xor_sync(ALL_LANES, x, step));
    return x;
}

/* Over a block of whole warps. */
template <class T, class Op> static __device__ T block_reduce(T x, Op op)
{
    __shared__ T part[WARP];
    x = warp_reduce(x, op);
    __syncthreads(); /* whoever still reads what an earlier call left */
    if (threadIdx.x % WARP == 0)
        part[threadIdx.x / WARP] = x;
    __syncthreads();
    x = part[0];
    for (unsigned i = 1; i < blockDim.x / WARP; i++)
        x = op(x, part[i]);
    return x;
}

template <class T> static __device__ T block_sum(T x)
{
    return block_reduce(x, add_up());
}

template <class T> static __device__ T block_max(T x)
{
    return block_reduce(x, take_larger());
}

/* Sum over the threads of the block before this one. */
template <class T> static __device__ T block_sum_before(T x)
{
    __shared__ T part[WARP];
    int lane = (int)(threadIdx.x % WARP);
    T upto = x, before = 0;
    for (int step = 1; step < WARP; step *= 2) {
        T other = __shfl_up_sync(ALL_LANES, upto, step);
        upto = lane >= step ? other + upto : upto;
    }
    __syncthreads(); /* whoever still reads what an earlier call left */
    if (lane == WARP - 1)
        part[threadIdx.x / WARP] = upto;
    __syncthreads();
    for (unsigned i = 0; i < threadIdx.x / WARP; i++)
        before += part[i];
    T inside = __shfl_up_sync(ALL_LANES, upto, 1);
    return before + (lane > 0 ? inside : T(0));
}

#endif
