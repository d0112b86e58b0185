/*
 * Attention: softmax(q k^T / sqrt(width)) v for every head, without a [T, T] matrix in memory.
 *
 * Forward: a task takes up to TILE_QUERIES queries of one head; their scores stay in scratch, and
 * keys and values are packed a block at a time. Backward: a task takes one head; probabilities of
 * a tile of queries and a block of keys are computed again from lse, the logarithm of each row's
 * sum. Heads never mix and tiles depend on T alone: a sequence's bits do not depend on the batch.
 */
#include "kernels/cpu/attn.h"
#include "kernels/cpu/check.h"
#include "kernels/cpu/product.h"

#define TILE_QUERIES 256
#define BACK_QUERIES 64
#define BLOCK_KEYS 256
/* Queries that are multiplied at once: causal ones skip the keys that none of them sees. */
#define STEP_QUERIES 32

static int check_scratch(const struct heads *h, int64_t floats, struct err *e)
{
    if (floats > CPU_SCRATCH_FLOATS)
        return err_set(e, ERR_UNSUPPORTED,
                       "attention: %lld positions, heads of %lld: needs %lld floats of scratch, "
                       "has %lld",
                       (long long)h->length, (long long)h->size, (long long)floats,
                       (long long)CPU_SCRATCH_FLOATS);
    return 0;
}

/* Keys that the query before `end` sees. */
static int64_t seen(const struct heads *h, int64_t end)
{
    return h->causal ? end : h->length;
}

static int64_t block_keys(const struct heads *h)
{
    return par_min(BLOCK_KEYS, h->length);
}

/* A tile of queries of one head: pointers to the head's columns in the sequence's first row. */
struct forward {
    const float *q, *k, *v;
    float *out, *lse;   /* lse may be NULL */
    int64_t begin, end; /* queries */
    float *scores;      /* [queries, ld] */
    int64_t ld;
    float *block; /* packed keys or values */
};

/* Scores of the tile against keys k0 .. k0 + n. */
static void score_block(const struct heads *h, const struct forward *f, int64_t k0, int64_t n)
{
    int64_t row = 3 * h->width;
    struct packed keys = CPU(pack)(f->k + k0 * row, 1, row, h->size, n, f->block);
    for (int64_t t = f->begin; t < f->end; t += STEP_QUERIES) {
        int64_t m = par_min(STEP_QUERIES, f->end - t);
        struct product_to to = { f->scores + (t - f->begin) * f->ld + k0, f->ld, h->scale, false };
        CPU(product_rows)(f->q + t * row, row, m, h->size, &keys, seen(h, t + m) - k0, to);
    }
}

/* out (+)= probabilities times values k0 .. k0 + n. */
static void value_block(const struct heads *h, const struct forward *f, int64_t k0, int64_t n)
{
    int64_t row = 3 * h->width;
    struct packed values = CPU(pack)(f->v + k0 * row, row, 1, n, h->size, f->block);
    for (int64_t t = f->begin; t < f->end; t += STEP_QUERIES) {
        int64_t m = par_min(STEP_QUERIES, f->end - t), depth = par_min(n, seen(h, t + m) - k0);
        struct product_to to = { f->out + t * h->width, h->width, 1, k0 > 0 };
        if (depth > 0)
            CPU(product_rows)
            (f->scores + (t - f->begin) * f->ld + k0, f->ld, m, depth, &values, h->size, to);
    }
}

static void forward_tile(const struct heads *h, const struct forward *f)
{
    int64_t keys = seen(h, f->end), block = block_keys(h);
    for (int64_t k = 0; k < keys; k += block)
        score_block(h, f, k, par_min(block, keys - k));
    for (int64_t t = f->begin; t < f->end; t++)
        softmax_row(f->scores + (t - f->begin) * f->ld, seen(h, t + 1), keys,
                    f->lse ? f->lse + t : NULL);
    for (int64_t k = 0; k < keys; k += block)
        value_block(h, f, k, par_min(block, keys - k));
}

int CPU(attention)(void *ctx, ctensor *qkv, int heads, bool causal, struct tensor *out,
                   struct tensor *lse, struct err *e)
{
    if (CPU_ALL_F32("attention", e, qkv, out, lse))
        return -1;
    const struct cpu *c = ctx;
    struct heads h = heads_of(qkv, heads, causal);
    int64_t ld = whole_vecs(h.length), size = whole_vecs(h.size);
    int64_t packed = whole_vecs(block_keys(&h)) * size;
    int64_t tile = par_min(par_min(TILE_QUERIES, h.length), (CPU_SCRATCH_FLOATS - packed) / ld);
    if (check_scratch(&h, packed + ld, e))
        return -1;
    int64_t tiles = (h.length + tile - 1) / tile;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < h.batch * h.count * tiles; i++) {
        int64_t t = i % tiles * tile, pair = i / tiles;
        int64_t first = pair / h.count * h.length, column = pair % h.count * h.size;
        const float *q = (const float *)qkv->data + first * 3 * h.width + column;
        struct forward f = {
            .q = q,
            .k = q + h.width,
            .v = q + 2 * h.width,
            .out = (float *)out->data + first * h.width + column,
            .lse = lse ? (float *)lse->data + pair * h.length : NULL,
            .begin = t,
            .end = par_min(t + tile, h.length),
            .block = cpu_scratch(c),
            .scores = cpu_scratch(c) + packed,
            .ld = ld,
        };
        forward_tile(&h, &f);
    }
    return 0;
}

/* One head of one sequence: pointers to its columns in the first row, and scratch. */
struct backward {
    const float *q, *k, *v, *out, *lse, *dout;
    float *dq, *dk, *dv;
    float *p, *ds; /* [BACK_QUERIES, ld] probabilities, gradients of scores */
    int64_t ld;
    float *keys, *keys_t, *values_t; /* packed: the block's */
    float *queries, *douts;          /* packed: the tile's */
};

/* A block of keys. */
struct block {
    int64_t begin, n;
    struct packed keys, keys_t, values_t;
};

/* ds: from the gradients of probabilities to those of scores before scaling, p (dp - delta) scale,
 * where delta is the sum of out dout over the head's columns. */
static inline void score_gradient(const float *restrict p, float *restrict ds, int64_t n,
                                  float delta, float scale)
{
    for (int64_t j = 0; j < n; j++)
        ds[j] = p[j] * (ds[j] - delta) * scale;
}

/* p and ds of queries t0 .. t0 + m over the block's first `keys`. */
static void probabilities(const struct heads *h, const struct backward *g, const struct block *b,
                          int64_t keys, int64_t t0, int64_t m)
{
    int64_t row = 3 * h->width, d = h->width;
    CPU(product_rows)
    (g->q + t0 * row, row, m, h->size, &b->keys_t, keys,
     (struct product_to){ g->p, g->ld, h->scale, false });
    CPU(product_rows)
    (g->dout + t0 * d, d, m, h->size, &b->values_t, keys,
     (struct product_to){ g->ds, g->ld, 1, false });
    for (int64_t t = t0; t < t0 + m; t++) {
        float *p = g->p + (t - t0) * g->ld, *ds = g->ds + (t - t0) * g->ld;
        int64_t sees = seen(h, t + 1) - b->begin, n = sees > 0 ? par_min(keys, sees) : 0;
        row_exp(p, hide_behind(p, n), g->lse[t], p);
        score_gradient(p, ds, n, row_dot(g->out + t * d, g->dout + t * d, h->size), h->scale);
        memset(p + n, 0, (size_t)(keys - n) * sizeof *p);
        memset(ds + n, 0, (size_t)(keys - n) * sizeof *ds);
    }
}

static void backward_tile(const struct heads *h, const struct backward *g, const struct block *b,
                          int64_t t0, int64_t m)
{
    int64_t row = 3 * h->width, n = par_min(b->n, seen(h, t0 + m) - b->begin);
    struct packed queries = CPU(pack)(g->q + t0 * row, row, 1, m, h->size, g->queries);
    struct packed douts = CPU(pack)(g->dout + t0 * h->width, h->width, 1, m, h->size, g->douts);

    probabilities(h, g, b, n, t0, m);
    CPU(product_columns)
    (g->p, g->ld, n, &douts, (struct product_to){ g->dv + b->begin * row, row, 1, true });
    CPU(product_columns)
    (g->ds, g->ld, n, &queries, (struct product_to){ g->dk + b->begin * row, row, 1, true });
    CPU(product_rows)
    (g->ds, g->ld, m, n, &b->keys, h->size, (struct product_to){ g->dq + t0 * row, row, 1, true });
}

static void backward_head(const struct heads *h, const struct backward *g)
{
    int64_t row = 3 * h->width, keys = block_keys(h);
    for (int64_t k = 0; k < h->length; k += keys) {
        int64_t n = par_min(keys, h->length - k);
        struct block b = {
            .begin = k,
            .n = n,
            .keys = CPU(pack)(g->k + k * row, row, 1, n, h->size, g->keys),
            .keys_t = CPU(pack)(g->k + k * row, 1, row, h->size, n, g->keys_t),
            .values_t = CPU(pack)(g->v + k * row, 1, row, h->size, n, g->values_t),
        };
        /* Queries before the block do not see it. */
        int64_t first = h->causal ? k / BACK_QUERIES * BACK_QUERIES : 0;
        for (int64_t t = first; t < h->length; t += BACK_QUERIES)
            backward_tile(h, g, &b, t, par_min(BACK_QUERIES, h->length - t));
    }
}

int CPU(attention_bwd)(void *ctx, ctensor *qkv, int heads, bool causal, ctensor *out, ctensor *lse,
                       ctensor *dout, struct tensor *dqkv, struct err *e)
{
    if (CPU_ALL_F32("attention_bwd", e, qkv, out, lse, dout, dqkv))
        return -1;
    const struct cpu *c = ctx;
    struct heads h = heads_of(qkv, heads, causal);
    int64_t ld = whole_vecs(block_keys(&h)), size = whole_vecs(h.size);
    if (check_scratch(&h, 3 * ld * size + 2 * BACK_QUERIES * (ld + size), e))
        return -1;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < h.batch * h.count; i++) {
        int64_t first = i / h.count * h.length, column = i % h.count * h.size;
        int64_t wide = first * 3 * h.width + column, narrow = first * h.width + column;
        const float *q = (const float *)qkv->data + wide;
        float *dq = (float *)dqkv->data + wide, *scratch = cpu_scratch(c);
        struct backward g = {
            .q = q,
            .k = q + h.width,
            .v = q + 2 * h.width,
            .out = (const float *)out->data + narrow,
            .lse = (const float *)lse->data + i * h.length,
            .dout = (const float *)dout->data + narrow,
            .dq = dq,
            .dk = dq + h.width,
            .dv = dq + 2 * h.width,
            .ld = ld,
            .keys = scratch,
            .keys_t = scratch + ld * size,
            .values_t = scratch + 2 * ld * size,
            .p = scratch + 3 * ld * size,
            .ds = scratch + 3 * ld * size + BACK_QUERIES * ld,
            .queries = scratch + 3 * ld * size + 2 * BACK_QUERIES * ld,
            .douts = scratch + 3 * ld * size + BACK_QUERIES * (2 * ld + size),
        };
        backward_head(&h, &g);
    }
    return 0;
}
