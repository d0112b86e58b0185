/*
 * Shared by the weights files; private to model/.
 */
#ifndef MODEL_WEIGHTS_READ_H
#define MODEL_WEIGHTS_READ_H

#include <stdbool.h>

#include "model/weights.h"

bool weights_is_real(enum weights_dtype t);
/* Elements first .. first + n - 1 of data, of a real dtype, as floats. */
void weights_convert_f32(enum weights_dtype t, const void *data, size_t first, size_t n,
                         float *dst);

/* Filters [n, I, kh, kw] as files have them -> [n, kh, kw, I] as convolutions read them, and back.
 * spatial = kh * kw. */
void weights_filters_in(const float *src, size_t n, size_t in, size_t spatial, float *dst);
void weights_filters_out(const float *src, size_t n, size_t in, size_t spatial, float *dst);

#endif
