/*
 * A tensor where it lies in a file: a range of mapped bytes with a shape and strides, as torch
 * describes its tensors. Nothing is copied until elements are read.
 */
#ifndef CONVERT_VIEW_H
#define CONVERT_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "model/weights.h"

struct view {
    enum weights_dtype dtype;
    int n_dims;
    int64_t dim[WEIGHTS_DIMS_MAX], stride[WEIGHTS_DIMS_MAX]; /* slowest first; strides: elements */
    const unsigned char *data; /* the first element; unaligned, little endian */
};                             /* blocks (Q8_0, Q4_0) lie side by side always */

/* A whole range in C order. */
struct view view_of(enum weights_dtype dtype, int n_dims, const int64_t *dim, const void *data);
int64_t view_count(const struct view *v);
/* Bytes from the first to behind the last element. */
size_t view_span(const struct view *v);
/* A matrix with rows and columns exchanged. */
struct view view_transpose(const struct view *v);
/* Without the dimensions of 1 at its end: [C, C, 1, 1] -> [C, C]. */
struct view view_squeeze(const struct view *v);
/* Rows first .. first + n - 1 of the slowest dimension. */
struct view view_rows(const struct view *v, int64_t first, int64_t n);
bool view_has_shape(const struct view *v, int n_dims, const int64_t *dim);

/* Elements first .. first + n - 1 in C order, as floats (real dtypes) or as doubles (any). */
void view_read_f32(const struct view *v, int64_t first, size_t n, float *dst);
void view_read_f64(const struct view *v, int64_t first, size_t n, double *dst);

/* "[16384, 256]" into text; "[]" of a scalar. */
#define VIEW_SHAPE_BYTES 176
void view_shape(int n_dims, const int64_t *dim, char text[VIEW_SHAPE_BYTES]);

#endif
