/*
 * Host side of the kernel tests: a tensor's shape with its elements in double. Elements of F32
 * arrays are always numbers that fp32 has, so the reference starts from what the kernel is given.
 */
#ifndef TESTS_KERNELS_ARRAY_H
#define TESTS_KERNELS_ARRAY_H

#include "kernels/tensor.h"

struct array {
    enum dtype dtype;
    int n_dims;
    int64_t dim[TENSOR_DIMS_MAX];
    double *v; /* owned; NULL: absent */
};

int64_t array_count(const struct array *a);
/* Elements of the last dimension; all the others. */
int64_t array_cols(const struct array *a);
int64_t array_rows(const struct array *a);

/* Zeroed memory; the test fails when there is none. */
void array_init(struct array *a, enum dtype dtype, int n_dims, const int64_t *dim);
void array_release(struct array *a);
void array_copy(struct array *to, const struct array *from);
/* Row i of the first dimension: [B, ...] -> [1, ...] */
void array_row(struct array *to, const struct array *from, int64_t i);

/* Largest |a - b| over the largest |b| (or over 1e-30); inf when a NaN stands on one side only or
 * the counts differ. */
double array_error(const struct array *a, const struct array *b);
/* Whether both have the same bits, or both are absent. */
bool array_same(const struct array *a, const struct array *b);

#endif
