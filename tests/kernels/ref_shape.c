/*
 * References: moved elements and tables of rows.
 */
#include "tests/kernels/ref.h"

#include <math.h>
#include <string.h>

/* Sizes of the dimensions before and after an axis. */
static int64_t product(const int64_t *dim, int from, int to)
{
    int64_t n = 1;

    for (int d = from; d < to; d++)
        n *= dim[d];
    return n;
}

void ref_concat(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int axis = (int)k->i[0];
    const struct array *a = &in[0], *b = &in[1];
    int64_t dim[TENSOR_DIMS_MAX], after = product(a->dim, axis + 1, a->n_dims);

    memcpy(dim, a->dim, sizeof dim);
    dim[axis] += b->dim[axis];
    array_init(out, DTYPE_F32, a->n_dims, dim);
    for (int64_t i = 0; i < array_count(out); i++) {
        int64_t tail = i % after, at = i / after % dim[axis], head = i / after / dim[axis];
        const struct array *from = at < a->dim[axis] ? a : b;
        at -= from == b ? a->dim[axis] : 0;
        out->v[i] = from->v[(head * from->dim[axis] + at) * after + tail];
    }
}

void ref_slice(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int axis = (int)k->i[0];
    int64_t dim[TENSOR_DIMS_MAX], after = product(in->dim, axis + 1, in->n_dims);

    memcpy(dim, in->dim, sizeof dim);
    dim[axis] = k->i[2];
    array_init(out, DTYPE_F32, in->n_dims, dim);
    for (int64_t i = 0; i < array_count(out); i++) {
        int64_t tail = i % after, at = i / after % dim[axis], head = i / after / dim[axis];
        out->v[i] = in->v[(head * in->dim[axis] + k->i[1] + at) * after + tail];
    }
}

void ref_reshape(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int n = (int)k->i[0];
    int64_t dim[TENSOR_DIMS_MAX], known = 1;

    for (int d = 0; d < n; d++)
        known *= k->i[1 + d] < 0 ? 1 : k->i[1 + d];
    for (int d = 0; d < n; d++)
        dim[d] = k->i[1 + d] < 0 ? array_count(in) / known : k->i[1 + d];
    array_init(out, DTYPE_F32, n, dim);
    memcpy(out->v, in->v, (size_t)array_count(in) * sizeof *in->v);
}

void ref_permute(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int n = in->n_dims;
    int64_t dim[TENSOR_DIMS_MAX];

    for (int d = 0; d < n; d++)
        dim[d] = in->dim[k->i[d]];
    array_init(out, DTYPE_F32, n, dim);
    for (int64_t i = 0; i < array_count(out); i++) {
        int64_t rest = i, from = 0;
        for (int d = n - 1; d >= 0; d--) {
            from += rest % dim[d] * product(in->dim, (int)k->i[d] + 1, n);
            rest /= dim[d];
        }
        out->v[i] = in->v[from];
    }
}

void ref_repeat(const struct kernel_case *k, const struct array *in, struct array *out)
{
    int64_t dim[TENSOR_DIMS_MAX] = { k->i[0] }, n = array_count(in);

    memcpy(dim + 1, in->dim, (size_t)in->n_dims * sizeof *dim);
    array_init(out, DTYPE_F32, in->n_dims + 1, dim);
    for (int64_t i = 0; i < array_count(out); i++)
        out->v[i] = in->v[i % n];
}

void ref_replace_rows(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const struct array *x = &in[0], *mask = &in[1], *row = &in[2];
    int64_t D = x->dim[1];

    (void)k;
    array_init(out, DTYPE_F32, 2, x->dim);
    for (int64_t i = 0; i < array_count(x); i++)
        out->v[i] = mask->v[i / D] != 0 ? row->v[i % D] : x->v[i];
}

void ref_embedding(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const struct array *table = &in[0], *ids = &in[1];
    int64_t D = table->dim[1], dim[TENSOR_DIMS_MAX];

    (void)k;
    memcpy(dim, ids->dim, sizeof dim);
    dim[ids->n_dims] = D;
    array_init(out, DTYPE_F32, ids->n_dims + 1, dim);
    for (int64_t i = 0; i < array_count(out); i++) {
        int64_t id = (int64_t)ids->v[i / D];
        out->v[i] = id < 0 || id >= table->dim[0] ? NAN : table->v[id * D + i % D];
    }
}

void ref_nearest_code(const struct kernel_case *k, const struct array *in, struct array *out)
{
    const struct array *z = &in[0], *codes = &in[1];
    int64_t D = z->dim[1];

    (void)k;
    array_init(out, DTYPE_I32, 1, z->dim);
    for (int64_t n = 0; n < z->dim[0]; n++) {
        double least = INFINITY;
        for (int64_t c = 0; c < codes->dim[0]; c++) {
            double square = 0;
            for (int64_t j = 0; j < D; j++)
                square += pow(z->v[n * D + j] - codes->v[c * D + j], 2);
            if (square < least) {
                least = square;
                out->v[n] = (double)c;
            }
        }
    }
}

void ref_first(const struct kernel_case *k, const struct array *in, struct array *out)
{
    (void)k;
    array_copy(out, &in[0]);
}

void ref_second(const struct kernel_case *k, const struct array *in, struct array *out)
{
    (void)k;
    array_copy(out, &in[1]);
}
