/*
 * What the attention files share: shapes, and rows of scores.
 */
#ifndef KERNELS_CPU_ATTN_H
#define KERNELS_CPU_ATTN_H

#include <math.h>
#include <string.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/row.h"
#include "kernels/cpu/vec.h"

/* One call: shapes and where a head's rows lie. */
struct heads {
    int64_t batch, length, width; /* B, T, D */
    int64_t count, size;          /* heads and columns of one */
    bool causal;
    float scale;
};

static inline struct heads heads_of(ctensor *qkv, int heads, bool causal)
{
    int64_t width = qkv->dim[2] / 3;
    return (struct heads){
        .batch = qkv->dim[0],
        .length = qkv->dim[1],
        .width = width,
        .count = heads,
        .size = width / heads,
        .causal = causal,
        .scale = 1.0f / sqrtf((float)(width / heads)),
    };
}

static inline int64_t whole_vecs(int64_t n)
{
    return (n + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
}

/* Scores behind n, up to a whole vector, become those of keys that are not there: a loop over them
 * has no slow end. Rows have room for that. Returns their number. */
static inline int64_t hide_behind(float *s, int64_t n)
{
    for (int64_t j = n; j < whole_vecs(n); j++)
        s[j] = -INFINITY;
    return whole_vecs(n);
}

/* Probabilities of one query over its keys; those behind them up to `keys` become zero. */
static inline void softmax_row(float *s, int64_t n, int64_t keys, float *ret_lse)
{
    int64_t whole = hide_behind(s, n);
    float max = row_max(s, whole), sum = row_exp(s, whole, max, s);
    row_scale(s, whole, 1.0f / sum, s);
    if (keys > whole)
        memset(s + whole, 0, (size_t)(keys - whole) * sizeof *s);
    if (ret_lse)
        *ret_lse = max + logf(sum);
}

#endif
