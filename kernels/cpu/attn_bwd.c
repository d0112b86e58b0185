/*
 * The adjoint of attention: a task takes one head. Probabilities of a group of queries and a block
 * of keys are computed again from lse, the logarithm of each row's sum (Dao et al., arXiv
 * 2205.14135), so no [T, T] matrix is kept.
 */
#include "kernels/cpu/attn.h"
#include "kernels/cpu/check.h"
#include "kernels/cpu/row.h"
#include "kernels/cpu/vecmath.h"

#define GROUP_QUERIES 64 /* a multiple of every TILE_ROWS */

/* One head of one sequence: pointers to its columns in the first row, and scratch. */
struct task {
    const float *q, *k, *v, *out, *lse, *dout;
    float *dq, *dk, *dv;
    int64_t block;                   /* keys of a block, and columns of p and ds */
    float *keys, *keys_t, *values_t; /* packed: the block's */
    float *queries, *douts;          /* packed: the group's */
    float *p, *ds;                   /* [GROUP_QUERIES, block] probabilities, gradients of scores */
    float *delta;                    /* [T] sum of out dout over the head's columns */
};

/* A block of keys, packed for all its products. */
struct block {
    struct key_block keys; /* turned: for scores */
    struct packed plain, values_t;
};

/* p, scores, become probabilities, and ds, gradients of those, become gradients of the scores
 * before scaling: p (dp - delta) scale. */
static void strip_gradients(const struct heads *h, float *p, float *ds, int64_t ld, int64_t vecs,
                            int64_t rows, const float *lse, const float *delta)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t v = 0; v < vecs; v++) {
            int64_t at = r * ld + v * VEC_LANES;
            vec x = vec_exp(vec_load(p + at) - lse[r]);
            vec_store(p + at, x);
            vec_store(ds + at, x * (vec_load(ds + at) - delta[r]) * h->scale);
        }
}

/* Queries t .. t + rows: their rows of p and ds, and what they say about dq. */
static void strip(const struct heads *h, const struct task *g, const struct block *b, int64_t t,
                  int64_t rows, float *p, float *ds)
{
    const float *row[TILE_ROWS];
    int64_t n = strip_keys(h, &b->keys, t, rows), vecs = vecs_of(n);
    struct product_to to_ds = { ds, g->block, TILE_ROWS, vecs * VEC_LANES, 1, false };
    struct product_to to_dq = { g->dq + t * 3 * h->width, 3 * h->width, rows, h->size, 1, true };
    if (n <= 0)
        return;
    strip_scores(h, &b->keys, g->q + t * 3 * h->width, t, rows, n, p, g->block);
    point_rows(g->dout + t * h->width, h->width, rows, row);
    CPU(product_rows)(row, h->size, &b->values_t, &to_ds);
    strip_gradients(h, p, ds, g->block, vecs, rows, g->lse + t, g->delta + t);
    point_rows(ds, g->block, rows, row);
    CPU(product_rows)(row, n, &b->plain, &to_dq);
}

/* What queries t .. t + m say about TILE_ROWS keys from j on, of the block's n that they see. */
static void key_tile(const struct heads *h, const struct task *g, const struct block *b, int64_t t,
                     int64_t m, int64_t j, int64_t n, const struct packed *queries,
                     const struct packed *douts)
{
    int64_t row = 3 * h->width, key = b->keys.begin + j;
    /* Queries before a key do not see it. */
    int64_t from = h->causal && key > t ? (key - t) / TILE_ROWS * TILE_ROWS : 0;
    struct product_to to = { g->dv + key * row, row, par_min(TILE_ROWS, n - j), h->size, 1, true };
    CPU(product_columns)(g->p + from * g->block + j, g->block, m - from, douts, from, &to);
    to.c = g->dk + key * row;
    CPU(product_columns)(g->ds + from * g->block + j, g->block, m - from, queries, from, &to);
}

static void group(const struct heads *h, const struct task *g, const struct block *b, int64_t t,
                  int64_t m)
{
    int64_t row = 3 * h->width, n = strip_keys(h, &b->keys, t, m);
    fetch_rows(g->q + t * row, row, m, h->size);
    fetch_rows(g->dq + t * row, row, m, h->size);
    struct packed queries = CPU(pack)(g->q + t * row, row, 1, m, h->size, g->queries);
    struct packed douts = CPU(pack)(g->dout + t * h->width, h->width, 1, m, h->size, g->douts);

    for (int64_t i = 0; i < m; i += TILE_ROWS)
        strip(h, g, b, t + i, par_min(TILE_ROWS, m - i), g->p + i * g->block, g->ds + i * g->block);
    for (int64_t j = 0; j < n; j += TILE_ROWS)
        key_tile(h, g, b, t, m, j, n, &queries, &douts);
}

static void run(const struct heads *h, const struct task *g)
{
    int64_t row = 3 * h->width;
    fetch_rows(g->out, h->width, par_min(h->length, g->block), h->size);
    fetch_rows(g->dout, h->width, par_min(h->length, g->block), h->size);
    for (int64_t t = 0; t < h->length; t++)
        g->delta[t] = row_dot(g->out + t * h->width, g->dout + t * h->width, h->size);
    for (int64_t k = 0; k < h->length; k += g->block) {
        int64_t n = par_min(g->block, h->length - k);
        fetch_rows(g->k + k * row, row, n, h->size);
        fetch_rows(g->v + k * row, row, n, h->size);
        fetch_rows(g->dk + k * row, row, n, h->size);
        fetch_rows(g->dv + k * row, row, n, h->size);
        struct block b = {
            .keys = { k, n, CPU(pack)(g->k + k * row, 1, row, h->size, n, g->keys_t) },
            .plain = CPU(pack)(g->k + k * row, row, 1, n, h->size, g->keys),
            .values_t = CPU(pack)(g->v + k * row, 1, row, h->size, n, g->values_t),
        };
        /* Queries before the block do not see it. */
        int64_t first = h->causal ? k / GROUP_QUERIES * GROUP_QUERIES : 0;
        for (int64_t t = first; t < h->length; t += GROUP_QUERIES)
            group(h, g, &b, t, par_min(GROUP_QUERIES, h->length - t));
    }
}

static void lay_out(struct task *g, int64_t size, float *scratch)
{
    g->keys = scratch;
    g->keys_t = g->keys + g->block * size;
    g->values_t = g->keys_t + g->block * size;
    g->p = g->values_t + g->block * size;
    g->ds = g->p + GROUP_QUERIES * g->block;
    g->queries = g->ds + GROUP_QUERIES * g->block;
    g->douts = g->queries + GROUP_QUERIES * size;
    g->delta = g->douts + GROUP_QUERIES * size;
}

int CPU(attention_bwd)(void *ctx, ctensor *qkv, int heads, bool causal, ctensor *out, ctensor *lse,
                       ctensor *dout, struct tensor *dqkv, struct err *e)
{
    if (CPU_ALL_F32("attention_bwd", e, qkv, out, lse, dout, dqkv))
        return -1;
    const struct cpu *c = ctx;
    struct heads h = heads_of(qkv, heads, causal);
    int64_t size = whole_vecs(h.size);
    int64_t block =
        block_keys(&h, 3 * size + 2 * GROUP_QUERIES, 2 * GROUP_QUERIES * size + h.length);
    if (block < 0)
        return no_room(&h, e);

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < h.batch * h.count; i++) {
        int64_t first = i / h.count * h.length, column = i % h.count * h.size;
        int64_t wide = first * 3 * h.width + column, narrow = first * h.width + column;
        const float *q = (const float *)qkv->data + wide;
        float *dq = (float *)dqkv->data + wide;
        struct task g = {
            .q = q,
            .k = q + h.width,
            .v = q + 2 * h.width,
            .out = (const float *)out->data + narrow,
            .lse = (const float *)lse->data + i * h.length,
            .dout = (const float *)dout->data + narrow,
            .dq = dq,
            .dk = dq + h.width,
            .dv = dq + 2 * h.width,
            .block = block,
        };
        lay_out(&g, size, cpu_scratch(c));
        run(&h, &g);
    }
    return 0;
}
