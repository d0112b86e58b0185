/*
 * What elements of safetensors files are: names, sizes, limits, and matrices in blocks. Private to
 * model/.
 */
#ifndef MODEL_WEIGHTS_DTYPE_H
#define MODEL_WEIGHTS_DTYPE_H

#include "model/weights.h"

#define WEIGHTS_BLOCKS "blocks" /* key of __metadata__ */

/* By its name in a header; W_U8 for blocks. */
bool weights_dtype_find(const char *name, enum weights_dtype *ret_dtype);
/* The first of x [n] that the dtype cannot hold, or n. Infinities and NaN have their place in
 * floats, and none in blocks. */
size_t weights_dtype_misfit(enum weights_dtype t, const float *x, size_t n);
/* Largest magnitude. */
float weights_dtype_max(enum weights_dtype t);
/* F32, F16, BF16 and blocks as devices call them. */
enum dtype weights_dtype_device(enum weights_dtype t);

/* The metadata "blocks" (NULL: absent) -> W_Q8_0, W_Q4_0, or W_U8: bytes are bytes. */
int weights_blocks_find(const char *name, enum weights_dtype *ret_blocks, struct err *e);
/* "q8_0", "q4_0": what the metadata says. */
const char *weights_blocks_name(enum weights_dtype blocks);
/* Turns an entry of bytes [rows, blocks, bytes] into the matrix that it is. */
int weights_blocks_in(enum weights_dtype blocks, struct weights_entry *t, struct err *e);
/* The shape of a matrix as bytes. */
void weights_blocks_out(enum weights_dtype blocks, const int64_t dim[2], int64_t ret_dim[3]);

#endif
