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

/*
 * Q8_0 and Q4_0 are formats of packed matrices only: blocks of 32 numbers along a row share an F16
 * scale d. Q8_0: whole numbers -127..127 times d = largest magnitude / 127. Q4_0: -8..7 times d =
 * (the number of largest magnitude) / -8.
 */
enum dtype { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_I32, DTYPE_U8, DTYPE_Q8_0, DTYPE_Q4_0 };

#define TENSOR_DIMS_MAX 4

struct tensor {
    enum dtype dtype;
    int n_dims; /* 0: a scalar, one element */
    int64_t dim[TENSOR_DIMS_MAX];
    void *data;          /* device memory; NULL while a pass is only planned */
    size_t packed;       /* bytes of a matrix in its device's own layout (device.h); 0: plain */
    bool wants_grad;     /* a gradient must flow to or through it */
    struct tensor *grad; /* same shape, F32; NULL until the tape (or the parameter list) makes it */
};

/* Bytes of one element; 0 for Q8_0 and Q4_0, which have none apart. */
size_t dtype_size(enum dtype t);
/* "f32", "f16", "bf16", "i32", "u8", "q8_0", "q4_0". */
const char *dtype_name(enum dtype t);

/* Number of elements; 1 for a scalar. */
int64_t tensor_count(const struct tensor *t);
size_t tensor_bytes(const struct tensor *t);
/* Elements in the last dimension (1 for a scalar), and how many such rows there are. */
int64_t tensor_cols(const struct tensor *t);
int64_t tensor_rows(const struct tensor *t);
bool tensor_same_shape(const struct tensor *a, const struct tensor *b);
/* "f32[2, 16, 48]" or "packed q8_0[64, 48]" into buf, for messages; returns buf. */
const char *tensor_describe(const struct tensor *t, char *buf, size_t n);

#endif
