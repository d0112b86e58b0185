/*
 * Moving elements: rows with strides, permuted dimensions, replaced rows.
 */
#include "kernels/cpu/check.h"
#include "kernels/cpu/map.h"

/* ---- rows with strides ---- */

static void copy_run(const float *restrict src, float *restrict dst, int64_t n, bool add)
{
    if (add)
        for (int64_t i = 0; i < n; i++)
            dst[i] += src[i];
    else
        for (int64_t i = 0; i < n; i++)
            dst[i] = src[i];
}

int CPU(copy_2d)(void *ctx, const float *src, int64_t src_stride, float *dst, int64_t dst_stride,
                 int64_t rows, int64_t n, bool add, struct err *e)
{
    const struct cpu *c = ctx;
    int64_t runs = (n + MAP_BLOCK - 1) / MAP_BLOCK; /* a row */
    int64_t work = rows * n;

    (void)e;
#pragma omp parallel for num_threads(map_threads(c, work))
    for (int64_t k = 0; k < rows * runs; k++) {
        int64_t row = k / runs, j = k % runs * MAP_BLOCK;
        copy_run(src + row * src_stride + j, dst + row * dst_stride + j, par_min(MAP_BLOCK, n - j),
                 add);
    }
    return 0;
}

/* ---- permuted dimensions ---- */

/* As four dimensions, slowest first: the output's sizes and the input's step along each. */
struct permutation {
    int64_t dim[TENSOR_DIMS_MAX], step[TENSOR_DIMS_MAX];
};

static struct permutation permutation_of(ctensor *x, const int *order)
{
    struct permutation p = { { 1, 1, 1, 1 }, { 0 } };
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

/* One row of the output's last dimension. */
static void permute_row(const float *restrict x, int64_t step, float *restrict y, int64_t n,
                        bool add)
{
    if (step == 1)
        copy_run(x, y, n, add);
    else if (add)
        for (int64_t i = 0; i < n; i++)
            y[i] += x[i * step];
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i * step];
}

int CPU(permute)(void *ctx, ctensor *x, const int *order, bool add, struct tensor *y, struct err *e)
{
    const struct cpu *c = ctx;
    const float *px = x->data;
    float *py = y->data;
    struct permutation p = permutation_of(x, order);
    int64_t rows = p.dim[0] * p.dim[1] * p.dim[2], n = p.dim[3];

    if (CPU_ALL_F32("permute", e, x, y))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, tensor_count(x)))
    for (int64_t r = 0; r < rows; r++) {
        int64_t i2 = r % p.dim[2], i1 = r / p.dim[2] % p.dim[1], i0 = r / p.dim[2] / p.dim[1];
        permute_row(px + i0 * p.step[0] + i1 * p.step[1] + i2 * p.step[2], p.step[3], py + r * n, n,
                    add);
    }
    return 0;
}

/* ---- replaced rows ---- */

int CPU(replace_rows)(void *ctx, ctensor *x, ctensor *mask, ctensor *row, struct tensor *y,
                      struct err *e)
{
    const float *px = x->data, *prow = row->data;
    const int32_t *pmask = mask->data;
    float *py = y->data;
    int64_t n = tensor_cols(x), rows = tensor_rows(x);

    (void)ctx;
    if (CPU_ALL_F32("replace_rows", e, x, row, y) || CPU_ALL_I32("replace_rows", e, mask))
        return -1;
    for (int64_t r = 0; r < rows; r++)
        copy_run(pmask[r] ? prow : px + r * n, py + r * n, n, false);
    return 0;
}

int CPU(replace_rows_bwd)(void *ctx, ctensor *mask, ctensor *dy, struct tensor *dx,
                          struct tensor *drow, struct err *e)
{
    const float *pdy = dy->data;
    const int32_t *pmask = mask->data;
    int64_t n = tensor_cols(dy), rows = tensor_rows(dy);

    (void)ctx;
    if (CPU_ALL_F32("replace_rows_bwd", e, dy, dx, drow) ||
        CPU_ALL_I32("replace_rows_bwd", e, mask))
        return -1;
    for (int64_t r = 0; r < rows; r++) {
        if (pmask[r] && drow)
            copy_run(pdy + r * n, drow->data, n, true);
        if (!pmask[r] && dx)
            copy_run(pdy + r * n, (float *)dx->data + r * n, n, true);
    }
    return 0;
}
