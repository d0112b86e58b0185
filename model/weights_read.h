/*
 * Shared by the weights files; private to model/.
 */
#ifndef MODEL_WEIGHTS_READ_H
#define MODEL_WEIGHTS_READ_H

#include "model/weights.h"

/* Filters [n, I, kh, kw] as files have them -> [n, kh, kw, I] as convolutions read them, and back.
 * spatial = kh * kw. */
void weights_filters_in(const float *src, size_t n, size_t in, size_t spatial, float *dst);
void weights_filters_out(const float *src, size_t n, size_t in, size_t spatial, float *dst);

#endif
