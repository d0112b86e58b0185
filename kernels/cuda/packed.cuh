/*
 * Packed matrices [n, k]: rows are filled up with zeros to whole blocks of BLOCK_DEPTH columns.
 *
 * F32, F16, BF16: rows of numbers. Q8_0: all rows' bytes, then all rows' scales (F16, one a block).
 * Q4_0: the same with half as many bytes; one holds a number of the first half of the block's
 * columns in its low four bits, and the one half a block further on in its high four, both +
 * Q4_ZERO.
 */
#ifndef KERNELS_CUDA_PACKED_CUH
#define KERNELS_CUDA_PACKED_CUH

#include "kernels/cuda/launch.cuh"

#define BLOCK_DEPTH 32
#define Q4_ZERO 8

static inline int64_t packed_blocks(int64_t k)
{
    return ceil_div(k, BLOCK_DEPTH);
}

/* Bytes of a block without its scale; 0: no format of packed matrices. */
static inline size_t packed_block_bytes(enum dtype format)
{
    switch (format) {
    case DTYPE_F32:
        return BLOCK_DEPTH * 4;
    case DTYPE_F16:
    case DTYPE_BF16:
        return BLOCK_DEPTH * 2;
    case DTYPE_Q8_0:
        return BLOCK_DEPTH;
    case DTYPE_Q4_0:
        return BLOCK_DEPTH / 2;
    default:
        return 0;
    }
}

static inline bool packed_is_whole(enum dtype format)
{
    return format == DTYPE_Q8_0 || format == DTYPE_Q4_0;
}

/* Scales of a matrix of whole numbers. */
static inline __half *packed_scales(ctensor *w)
{
    int64_t blocks = w->dim[0] * packed_blocks(w->dim[1]);
    return (__half *)((unsigned char *)w->data + (size_t)blocks * packed_block_bytes(w->dtype));
}

#endif
