/*
 * Numbers in blocks of 32 that share a scale, as files hold matrices: Q8_0 and Q4_0 (tensor.h),
 * byte for byte as ggml lays them out. A number is rounded to the nearest (a tie to the even one)
 * on every machine alike: a product and a sum that could become one instruction do not meet here.
 */
#ifndef KERNELS_BLOCKS_H
#define KERNELS_BLOCKS_H

#include <math.h>

#include "base/half.h"
#include "kernels/tensor.h"

#define BLOCK_NUMBERS 32

struct q8_0 {
    uint16_t scale; /* F16 */
    int8_t q[BLOCK_NUMBERS];
};

/* A byte holds a number of the first half in its low four bits, and the one half a block further on
 * in its high four. */
struct q4_0 {
    uint16_t scale;
    uint8_t q[BLOCK_NUMBERS / 2]; /* the number + Q4_0_ZERO */
};
#define Q4_0_ZERO 8

_Static_assert(sizeof(struct q8_0) == 34 && sizeof(struct q4_0) == 18, "blocks as files have them");

/* The largest magnitudes that they can hold: what F16 can, times the largest whole number. */
#define Q8_0_MAX (65504.0f * 127)
#define Q4_0_MAX (65504.0f * 8)

/* Bytes of a block; 0: numbers of this dtype do not lie in blocks. */
size_t blocks_bytes(enum dtype t);
/* x [n * 32], within the largest magnitudes -> n blocks, at any address. */
void blocks_round(enum dtype t, const float *x, size_t n, void *blocks);
/* Numbers first .. first + n - 1 of blocks, at any address. */
void blocks_read(enum dtype t, const void *blocks, size_t first, size_t n, float *dst);

/* ---- one block ---- */

/* The number of largest magnitude, with its sign. */
static inline float block_extreme(const float x[BLOCK_NUMBERS])
{
    float most = 0, least = 0;
    for (int k = 0; k < BLOCK_NUMBERS; k++) {
        most = x[k] > most ? x[k] : most;
        least = x[k] < least ? x[k] : least;
    }
    return -least > most ? least : most;
}

/* The scale as it will be read, so that rounding it costs nothing; and what to multiply with. */
static inline uint16_t block_scale(float scale, float *ret_inverse)
{
    uint16_t rounded = half_to_f16(scale);
    float read = half_from_f16(rounded);
    *ret_inverse = read != 0 ? 1 / read : 0;
    return rounded;
}

/* least where x is no number */
static inline int block_whole(float x, float least, float most)
{
    float up = x > least ? x : least;
    return (int)rintf(up < most ? up : most);
}

static inline void q8_0_round(const float x[BLOCK_NUMBERS], struct q8_0 *to)
{
    float inverse;
    to->scale = block_scale(fabsf(block_extreme(x)) / 127, &inverse);
    for (int k = 0; k < BLOCK_NUMBERS; k++)
        to->q[k] = (int8_t)block_whole(x[k] * inverse, -128, 127);
}

static inline void q4_0_round(const float x[BLOCK_NUMBERS], struct q4_0 *to)
{
    float inverse;
    to->scale = block_scale(block_extreme(x) / -8, &inverse);
    for (int k = 0; k < BLOCK_NUMBERS / 2; k++) {
        int low = block_whole(x[k] * inverse, -8, 7) + Q4_0_ZERO;
        int high = block_whole(x[k + BLOCK_NUMBERS / 2] * inverse, -8, 7) + Q4_0_ZERO;
        to->q[k] = (uint8_t)(low | high << 4);
    }
}

static inline void q8_0_read(const struct q8_0 *from, float x[BLOCK_NUMBERS])
{
    float scale = half_from_f16(from->scale);
    for (int k = 0; k < BLOCK_NUMBERS; k++)
        x[k] = scale * from->q[k];
}

static inline void q4_0_read(const struct q4_0 *from, float x[BLOCK_NUMBERS])
{
    float scale = half_from_f16(from->scale);
    for (int k = 0; k < BLOCK_NUMBERS / 2; k++) {
        x[k] = scale * ((from->q[k] & 15) - Q4_0_ZERO);
        x[k + BLOCK_NUMBERS / 2] = scale * ((from->q[k] >> 4) - Q4_0_ZERO);
    }
}

#endif
