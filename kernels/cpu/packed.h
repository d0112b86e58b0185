/*
 * Packed matrices [n, k], and the products that read them.
 *
 * A panel is PANEL rows of the matrix side by side, the last one filled up with zeros; panels lie
 * one after the other, and in each its blocks of BLOCK_DEPTH columns: a product reads from the
 * first byte to the last. k is filled up to whole blocks with zeros.
 */
#ifndef KERNELS_CPU_PACKED_H
#define KERNELS_CPU_PACKED_H

#include "kernels/cpu/par.h"
#include "kernels/cpu/vec.h"

#define PANEL_VECS 2
#define PANEL (PANEL_VECS * VEC_LANES)
#define BLOCK_DEPTH 32
#define CACHE_LINE 64 /* bytes */

/* A block of F32, F16 and BF16: [BLOCK_DEPTH][PANEL]. */

/* Four neighbours along k lie together, as dot products of bytes want them. */
#define QUADS (BLOCK_DEPTH / 4)

struct block_q8 {
    uint16_t scale[PANEL];      /* F16 */
    uint8_t q[QUADS][PANEL][4]; /* the number + Q8_ZERO */
};

/* A byte holds a number of the first half of the block's columns in its low four bits, and the one
 * half a block further on in its high four. */
struct block_q4 {
    uint16_t scale[PANEL];
    uint8_t q[QUADS / 2][PANEL][4]; /* the number + Q4_ZERO */
};

#define Q8_ZERO 128
#define Q4_ZERO 8

static inline int64_t packed_panels(int64_t n)
{
    return (n + PANEL - 1) / PANEL;
}

static inline int64_t packed_blocks(int64_t k)
{
    return (k + BLOCK_DEPTH - 1) / BLOCK_DEPTH;
}

/* Bytes of one block; 0: no format of packed matrices. */
size_t CPU(packed_block_bytes)(enum dtype format);

/* Sums of one row of x over a panel. */
struct panel_sums {
    _Alignas(64) float at[PANEL];
};

/*
 * Rows of x meet a panel in groups of nearly equal size, as few as the registers allow: a small
 * group takes hardly less time than a full one. A row is added up alone, whichever group it is in.
 */
#define FLOAT_ROWS (VEC_REGISTERS / 4)
#define INT_ROWS 4

static inline int64_t packed_groups(int64_t rows, int64_t most)
{
    return (rows + most - 1) / most;
}

/* What will be read next: so much of it is asked for with every block that a group is through. */
struct ahead {
    const unsigned char *at;
    size_t step; /* bytes; 0: nothing */
};

static inline void ahead_ask(struct ahead *a)
{
    for (size_t i = 0; i < a->step; i += CACHE_LINE)
        __builtin_prefetch(a->at + i, 0, 2);
    a->at += a->step;
}

/* A group's rows x, column by column [k, rows], times a panel of F32, F16 or BF16; every sum takes
 * its terms in the order of k. */
void CPU(float_panel)(enum dtype format, const void *panel, int64_t k, const float *x, int rows,
                      struct ahead ahead, struct panel_sums *sums);

/* BLOCK_DEPTH numbers of a row of x as whole numbers -127..127 times a scale. */
struct x_block {
    float scale;   /* NaN when a number is none or infinite */
    int32_t start; /* of a sum of products with it (dot.h) */
    int8_t q[BLOCK_DEPTH];
};

/*
 * A group's quantised rows x [rows, blocks] times a panel of Q8_0 or Q4_0: in a block whole numbers
 * are multiplied and added exactly, the blocks' results in fp32 in their order.
 */
void CPU_DOT(int_panel)(enum dtype format, const void *panel, int64_t blocks,
                        const struct x_block *x, int rows, struct ahead ahead,
                        struct panel_sums *sums);

#endif
