/*
 * What the attention files share: shapes, and strips of scores. A strip is TILE_ROWS queries of one
 * head against a block of its keys.
 */
#ifndef KERNELS_CPU_ATTN_H
#define KERNELS_CPU_ATTN_H

#include <math.h>

#include "kernels/cpu/product.h"

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

/* Keys that the query before `end` sees. */
static inline int64_t seen(const struct heads *h, int64_t end)
{
    return h->causal ? end : h->length;
}

/* Keys begin .. begin + n of a head. Blocks begin at whole vectors. */
struct key_block {
    int64_t begin, n;
    struct packed turned; /* [size, n] */
};

/* Keys of the block that any of queries t .. t + rows sees: none when it is not positive. */
static inline int64_t strip_keys(const struct heads *h, const struct key_block *b, int64_t t,
                                 int64_t rows)
{
    return par_min(b->n, seen(h, t + rows) - b->begin);
}

/* Rows 0 .. TILE_ROWS - 1 of x; those from `rows` on are the last that there is. */
static inline void point_rows(const float *x, int64_t ld, int64_t rows, const float *row[TILE_ROWS])
{
    for (int64_t r = 0; r < TILE_ROWS; r++)
        row[r] = x + par_min(r, rows - 1) * ld;
}

/* Asks for rows of x, `size` columns of each: they lie too far apart for the machine to guess. */
static inline void fetch_rows(const float *x, int64_t ld, int64_t rows, int64_t size)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < size; j += 16)
            __builtin_prefetch(x + r * ld + j);
}

/* Lanes from n on become scores of keys that are not seen. */
static inline vec vec_hide(vec x, int n)
{
    float lane[VEC_LANES];
    memcpy(lane, &x, sizeof x);
    for (int i = 0; i < VEC_LANES; i++)
        lane[i] = i < n ? lane[i] : -INFINITY;
    memcpy(&x, lane, sizeof x);
    return x;
}

/* Scores of queries t .. t + rows (q: the first one's row, 3 width apart) against the first n keys
 * of the block, n from strip_keys(): whole vectors [TILE_ROWS, ld], those of unseen keys -inf.
 * Strips begin at multiples of TILE_ROWS, so all their unseen keys are in the last vector. */
static inline void strip_scores(const struct heads *h, const struct key_block *b, const float *q,
                                int64_t t, int64_t rows, int64_t n, float *s, int64_t ld)
{
    const float *row[TILE_ROWS];
    int64_t last = (vecs_of(n) - 1) * VEC_LANES;
    struct product_to to = { s, ld, TILE_ROWS, last + VEC_LANES, h->scale, false };
    point_rows(q, 3 * h->width, rows, row);
    CPU(product_rows)(row, h->size, &b->turned, &to);
    for (int64_t r = 0; r < TILE_ROWS; r++) {
        int64_t sees = par_min(n, seen(h, t + r + 1) - b->begin) - last;
        if (sees < VEC_LANES)
            vec_store(s + r * ld + last, vec_hide(vec_load(s + r * ld + last), (int)sees));
    }
}

/* Keys of a block: as many as scratch has room for, at most BLOCK_KEYS, in whole vectors. Scratch
 * holds a_key floats for each of them and `fixed` others. -1: not even one vector fits. */
#define BLOCK_KEYS 256

static inline int64_t block_keys(const struct heads *h, int64_t a_key, int64_t fixed)
{
    int64_t n = par_min(BLOCK_KEYS, whole_vecs(h->length));
    int64_t room = (CPU_SCRATCH_FLOATS - fixed) / a_key / VEC_LANES * VEC_LANES;
    return room >= VEC_LANES ? par_min(n, room) : -1;
}

static inline int no_room(const struct heads *h, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED,
                   "attention: %lld positions, heads of %lld: a block of keys does not fit the "
                   "scratch of %lld floats",
                   (long long)h->length, (long long)h->size, (long long)CPU_SCRATCH_FLOATS);
}

#endif
