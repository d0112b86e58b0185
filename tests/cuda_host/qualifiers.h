/*
 * CUDA's words for functions and variables, as C++.
 *
 * __shared__ is thread-local storage: the fibers of a block run on one OS thread, one block at a
 * time, so what is static there is shared by exactly one block. All of it lies in one piece of
 * memory per module, which shared.cpp poisons before each block.
 */
#ifndef CUDA_HOST_QUALIFIERS_H
#define CUDA_HOST_QUALIFIERS_H

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static thread_local
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

#endif
