/*
 * Sums in parts: what several kernels do with long columns.
 */
#ifndef KERNELS_CUDA_SUM_CUH
#define KERNELS_CUDA_SUM_CUH

#include "kernels/cuda/launch.cuh"

#define SUM_PART_ROWS 64
#define SUM_PARTS_MAX 256

/* Into how many parts m rows of n doubles' sums are cut, so that scratch holds [parts, n]. */
int64_t sum_parts(int64_t m, int64_t n);

/* y[j] += the parts of column j, in order; partial [parts][stride]. */
template <class T> struct add_parts_each {
    const T *partial;
    int64_t parts, n, stride;
    float *y;
    __device__ void operator()(int64_t j) const
    {
        T sum = 0;
        for (int64_t p = 0; p < parts; p++)
            sum += partial[p * stride + j];
        y[j] += (float)sum;
    }
};

#endif
