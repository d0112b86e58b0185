/*
 * A tensor: shape and a pointer into device memory. Always contiguous, slowest dimension first.
 * Host code never reads `data`: it belongs to the device (device_upload, device_download).
 *
 * Shapes use the papers' letters: B batch, T positions, C channels, H height, W width, K codebook
 * entries, D width of a transformer, N rows, V vocabulary. Pictures are channels-last [B, H, W, C].
 */
#ifndef KERNELS_TENSOR_H
#define KERNELS_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_I32, DTYPE_U8 };

#define TENSOR_DIMS_MAX 4

struct tensor {
    enum dtype dtype;
    int n_dims; /* 0: a scalar, one element */
    int64_t dim[TENSOR_DIMS_MAX];
    void *data;          /* device memory; NULL while a pass is only planned */
    bool wants_grad;     /* a gradient must flow to or through it */
    struct tensor *grad; /* same shape, F32; NULL until the tape (or the parameter list) makes it */
};

/* Bytes of one element. */
size_t dtype_size(enum dtype t);
/* "f32", "f16", "bf16", "i32", "u8". */
const char *dtype_name(enum dtype t);

/* Number of elements; 1 for a scalar. */
int64_t tensor_count(const struct tensor *t);
size_t tensor_bytes(const struct tensor *t);
/* Elements in the last dimension (1 for a scalar), and how many such rows there are. */
int64_t tensor_cols(const struct tensor *t);
int64_t tensor_rows(const struct tensor *t);
bool tensor_same_shape(const struct tensor *a, const struct tensor *b);
/* "f32[2, 16, 48]" into buf, for messages; returns buf. */
const char *tensor_describe(const struct tensor *t, char *buf, size_t n);

#endif
