#include "tests/kernels/array.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tests/test.h"

int64_t array_count(const struct array *a)
{
    int64_t n = 1;

    for (int d = 0; d < a->n_dims; d++)
        n *= a->dim[d];
    return n;
}

int64_t array_cols(const struct array *a)
{
    return a->n_dims ? a->dim[a->n_dims - 1] : 1;
}

int64_t array_rows(const struct array *a)
{
    return array_count(a) / array_cols(a);
}

void array_init(struct array *a, enum dtype dtype, int n_dims, const int64_t *dim)
{
    *a = (struct array){ .dtype = dtype, .n_dims = n_dims };
    for (int d = 0; d < n_dims; d++)
        a->dim[d] = dim[d];
    a->v = mem_alloc((size_t)array_count(a), sizeof *a->v);
    assert_non_null(a->v);
}

void array_release(struct array *a)
{
    mem_free(a->v);
    *a = (struct array){ 0 };
}

void array_copy(struct array *to, const struct array *from)
{
    array_init(to, from->dtype, from->n_dims, from->dim);
    memcpy(to->v, from->v, (size_t)array_count(from) * sizeof *to->v);
}

void array_row(struct array *to, const struct array *from, int64_t i)
{
    int64_t dim[TENSOR_DIMS_MAX];

    memcpy(dim, from->dim, sizeof dim);
    dim[0] = 1;
    array_init(to, from->dtype, from->n_dims, dim);
    int64_t n = array_count(to);
    memcpy(to->v, from->v + i * n, (size_t)n * sizeof *to->v);
}

double array_error(const struct array *a, const struct array *b)
{
    double most = 0, largest = 1e-30;

    if (array_count(a) != array_count(b))
        return INFINITY;
    for (int64_t i = 0; i < array_count(a); i++) {
        if (isnan(a->v[i]) != isnan(b->v[i]))
            return INFINITY;
        most = fmax(most, fabs(a->v[i] - b->v[i]));
        largest = fmax(largest, fabs(b->v[i]));
    }
    return most / largest;
}

bool array_same(const struct array *a, const struct array *b)
{
    int64_t n = array_count(a);

    if (!a->v || !b->v)
        return a->v == b->v;
    return n == array_count(b) && !memcmp(a->v, b->v, (size_t)n * sizeof *a->v);
}
