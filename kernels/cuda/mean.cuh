/*
 * Sums and means of n terms, in double: SUM_PARTS blocks sum a part each into scratch, then one
 * block adds the parts. The number of terms alone decides the order.
 */
#ifndef KERNELS_CUDA_MEAN_CUH
#define KERNELS_CUDA_MEAN_CUH

#include "kernels/cuda/reduce.cuh"

#define SUM_PARTS 256

/* Terms that lie in memory. */
template <class T> struct term_of {
    const T *x;
    __device__ double operator()(int64_t i) const
    {
        return x[i];
    }
};

/* grid: SUM_PARTS */
template <class Term> static __global__ void sum_parts_kernel(int64_t n, Term term, double *parts)
{
    int64_t begin = n * blockIdx.x / gridDim.x, end = n * (blockIdx.x + 1) / gridDim.x;
    double sum = 0;
    for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x)
        sum += term(i);
    sum = block_sum(sum);
    if (threadIdx.x == 0)
        parts[blockIdx.x] = sum;
}

/* One block of SUM_PARTS threads: *mean = sum / n, or *total += sum; one of them is NULL. */
static __global__ void sum_end_kernel(const double *parts, int64_t n, float *mean, double *total)
{
    double sum = block_sum(parts[threadIdx.x]);
    if (threadIdx.x > 0)
        return;
    if (mean)
        *mean = (float)(sum / (double)n);
    else
        *total += sum;
}

/* The first SUM_PARTS doubles of scratch are in use meanwhile. */
template <class Term>
static void cuda_sum(const struct cuda *c, int64_t n, Term term, float *mean, double *total)
{
    double *parts = (double *)c->scratch;
    LAUNCH(sum_parts_kernel<Term>, SUM_PARTS, CUDA_BLOCK, 0, c->stream, n, term, parts);
    LAUNCH(sum_end_kernel, 1, SUM_PARTS, 0, c->stream, parts, n, mean, total);
}

template <class Term>
static int cuda_mean_of(const struct cuda *c, const char *op, ctensor *shape, int64_t n, Term term,
                        float *mean, struct err *e)
{
    cuda_sum(c, n, term, mean, NULL);
    return cuda_launched(op, shape, e);
}

#endif
