/*
 * Sums over the rows of a matrix: y[n] += column sums of x [m, n].
 *
 * Rows are cut into parts by the shape alone. A block sums one part of a few columns into scratch;
 * then the parts are added in their order.
 */
#include "kernels/cuda/sum.cuh"

#define COLUMNS 32 /* of a block: neighbours in memory */
#define LANES 8    /* rows that a block sums at a time */

/* partial [parts, n]; grid (columns / COLUMNS, parts) */
static __global__ void column_sums_kernel(const float *x, int64_t m, int64_t n, double *partial)
{
    __shared__ double sums[LANES][COLUMNS];
    int64_t j = (int64_t)blockIdx.x * COLUMNS + threadIdx.x;
    int64_t begin = m * blockIdx.y / gridDim.y, end = m * (blockIdx.y + 1) / gridDim.y;
    double sum = 0;
    for (int64_t i = begin + threadIdx.y; i < end && j < n; i += LANES)
        sum += x[i * n + j];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y > 0 || j >= n)
        return;
    for (int l = 1; l < LANES; l++)
        sum += sums[l][threadIdx.x];
    partial[blockIdx.y * n + j] = sum;
}

int64_t sum_parts(int64_t m, int64_t n)
{
    int64_t fit = (int64_t)(CUDA_SCRATCH_BYTES / sizeof(double)) / n;
    int64_t parts = least(least(ceil_div(m, SUM_PART_ROWS), SUM_PARTS_MAX), fit);
    return parts > 1 ? parts : 1;
}

static int column_sums(void *ctx, const char *op, ctensor *x, int64_t n, float *y, struct err *e)
{
    const struct cuda *c = (const struct cuda *)ctx;
    int64_t m = tensor_count(x) / n, parts = sum_parts(m, n);
    double *partial = (double *)c->scratch;
    if (n > (int64_t)(CUDA_SCRATCH_BYTES / sizeof(double)))
        return err_set(e, ERR_TOO_LARGE, "%s: %lld columns do not fit the scratch memory", op,
                       (long long)n);
    LAUNCH(column_sums_kernel, dim3((unsigned)ceil_div(n, COLUMNS), (unsigned)parts),
           dim3(COLUMNS, LANES), 0, c->stream, floats(x), m, n, partial);
    return cuda_each(ctx, op, x, n, add_parts_each<double>{ partial, parts, n, n, y }, e);
}

int cuda_bias_bwd(void *ctx, ctensor *dy, struct tensor *db, struct err *e)
{
    if (CUDA_ALL_F32("bias_bwd", e, dy, db))
        return -1;
    return column_sums(ctx, "bias_bwd", dy, tensor_cols(dy), floats(db), e);
}

int cuda_sum_leading(void *ctx, ctensor *x, struct tensor *y, struct err *e)
{
    if (CUDA_ALL_F32("sum_leading", e, x, y))
        return -1;
    return column_sums(ctx, "sum_leading", x, tensor_count(y), floats(y), e);
}
