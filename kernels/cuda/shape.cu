/*
 * Moving elements: rows with strides, permuted dimensions, replaced rows.
 */
#include "kernels/cuda/launch.cuh"

/* ---- rows with strides ---- */

struct copy_2d_each {
    const float *src;
    int64_t src_stride;
    float *dst;
    int64_t dst_stride, n;
    bool add;
    __device__ void operator()(int64_t k) const
    {
        int64_t row = quotient(k, n), j = k - row * n;
        float *to = dst + row * dst_stride + j;
        *to = src[row * src_stride + j] + (add ? *to : 0.0f);
    }
};

int cuda_copy_2d(void *ctx, const float *src, int64_t src_stride, float *dst, int64_t dst_stride,
                 int64_t rows, int64_t n, bool add, struct err *e)
{
    copy_2d_each each = { src, src_stride, dst, dst_stride, n, add };
    struct tensor shape = cuda_shape(1, rows, n);
    return cuda_each(ctx, "copy_2d", &shape, rows * n, each, e);
}

/* ---- permuted dimensions ---- */

/* As four dimensions, slowest first: the output's sizes and the input's step along each. */
struct permute_each {
    int64_t dim[TENSOR_DIMS_MAX], step[TENSOR_DIMS_MAX];
    const float *x;
    float *y;
    bool add;
    __device__ void operator()(int64_t i) const
    {
        int64_t rest = i, from = 0;
        for (int d = TENSOR_DIMS_MAX - 1; d >= 0; d--) {
            int64_t next = quotient(rest, dim[d]);
            from += (rest - next * dim[d]) * step[d];
            rest = next;
        }
        y[i] = x[from] + (add ? y[i] : 0.0f);
    }
};

static permute_each permutation_of(ctensor *x, const int *order)
{
    permute_each p = { { 1, 1, 1, 1 }, { 0 }, floats(x), NULL, false };
    int64_t step[TENSOR_DIMS_MAX], after = 1;
    int lead = TENSOR_DIMS_MAX - x->n_dims;

    for (int d = x->n_dims - 1; d >= 0; d--) {
        step[d] = after;
        after *= x->dim[d];
    }
    for (int d = 0; d < x->n_dims; d++) {
        p.dim[lead + d] = x->dim[order[d]];
        p.step[lead + d] = step[order[d]];
    }
    return p;
}

int cuda_permute(void *ctx, ctensor *x, const int *order, bool add, struct tensor *y, struct err *e)
{
    if (CUDA_ALL_F32("permute", e, x, y))
        return -1;
    permute_each each = permutation_of(x, order);
    each.y = floats(y);
    each.add = add;
    return cuda_each(ctx, "permute", x, tensor_count(x), each, e);
}

/* ---- replaced rows ---- */

struct replace_each {
    const float *x, *row;
    const int32_t *mask;
    int64_t n;
    float *y;
    __device__ void operator()(int64_t i) const
    {
        int64_t r = quotient(i, n);
        y[i] = mask[r] ? row[i - r * n] : x[i];
    }
};

int cuda_replace_rows(void *ctx, ctensor *x, ctensor *mask, ctensor *row, struct tensor *y,
                      struct err *e)
{
    if (CUDA_ALL_F32("replace_rows", e, x, row, y) || CUDA_ALL_I32("replace_rows", e, mask))
        return -1;
    replace_each each = { floats(x), floats(row), ints(mask), tensor_cols(x), floats(y) };
    return cuda_each(ctx, "replace_rows", x, tensor_count(x), each, e);
}

/* One column: its sum runs over the rows in order. */
struct replace_bwd_each {
    const int32_t *mask;
    const float *dy;
    int64_t rows, n;
    float *dx, *drow;
    __device__ void operator()(int64_t j) const
    {
        float sum = drow ? drow[j] : 0.0f;
        for (int64_t r = 0; r < rows; r++) {
            if (mask[r])
                sum += dy[r * n + j];
            else if (dx)
                dx[r * n + j] += dy[r * n + j];
        }
        if (drow)
            drow[j] = sum;
    }
};

int cuda_replace_rows_bwd(void *ctx, ctensor *mask, ctensor *dy, struct tensor *dx,
                          struct tensor *drow, struct err *e)
{
    int64_t n = tensor_cols(dy);
    if (CUDA_ALL_F32("replace_rows_bwd", e, dy, dx, drow) ||
        CUDA_ALL_I32("replace_rows_bwd", e, mask))
        return -1;
    replace_bwd_each each = {
        ints(mask), floats(dy), tensor_rows(dy), n, floats(dx), floats(drow)
    };
    return cuda_each(ctx, "replace_rows_bwd", dy, n, each, e);
}
