/*
 * Attention: softmax(q k^T / sqrt(width)) v for every head, without a [T, T] matrix in memory.
 *
 * A task takes a tile of queries of one head; the tile's scores [tile, keys] stay in scratch. The
 * adjoint computes them again from lse, the logarithm of each row's sum. Heads never mix, and the
 * tile depends on T alone, so a sequence's bits do not depend on the batch.
 */
#include <math.h>
#include <string.h>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/par.h"
#include "kernels/cpu/row.h"

#define TILE_QUERIES 64

/* One call: shapes and where a head's rows lie. */
struct heads {
    int64_t batch, length, width; /* B, T, D */
    int64_t count, size;          /* heads and columns of one */
    int64_t tile;                 /* queries at a time */
    bool causal;
    float scale;
};

static struct heads heads_of(ctensor *qkv, int heads, bool causal, int64_t rows_in_scratch)
{
    int64_t length = qkv->dim[1], width = qkv->dim[2] / 3;
    int64_t fit = CPU_SCRATCH_FLOATS / (rows_in_scratch * length);
    return (struct heads){
        .batch = qkv->dim[0],
        .length = length,
        .width = width,
        .count = heads,
        .size = width / heads,
        .tile = par_min(par_min(TILE_QUERIES, fit), length),
        .causal = causal,
        .scale = 1.0f / sqrtf((float)(width / heads)),
    };
}

static int check_tile(const struct heads *h, struct err *e)
{
    if (h->tile < 1)
        return err_set(e, ERR_UNSUPPORTED, "attention: %lld positions, scratch holds %lld",
                       (long long)h->length, (long long)CPU_SCRATCH_FLOATS / 2);
    return 0;
}

static int64_t keys_seen(const struct heads *h, int64_t query_end)
{
    return h->causal ? query_end : h->length;
}

/* Probabilities of one query over its keys; those it may not see are zero. */
static void softmax_row(float *s, int64_t seen, int64_t keys, float *ret_lse)
{
    float max = row_max(s, seen), sum = row_exp(s, seen, max, s);
    row_scale(s, seen, 1.0f / sum, s);
    memset(s + seen, 0, (size_t)(keys - seen) * sizeof *s);
    if (ret_lse)
        *ret_lse = max + logf(sum);
}

/* Queries t0..t1 of one head. q: the head's columns of the sequence's first row. */
static void forward_tile(const struct heads *h, const float *q, int64_t t0, int64_t t1, float *s,
                         float *out, float *lse)
{
    int64_t ld = 3 * h->width, m = t1 - t0, keys = keys_seen(h, t1);
    const float *k = q + h->width, *v = k + h->width;

    CPU(sgemm)(false, true, m, keys, h->size, h->scale, q + t0 * ld, ld, k, ld, 0, s, keys);
    for (int64_t i = 0; i < m; i++)
        softmax_row(s + i * keys, h->causal ? t0 + i + 1 : keys, keys, lse ? lse + t0 + i : NULL);
    CPU(sgemm)(false, false, m, h->size, keys, 1, s, keys, v, ld, 0, out + t0 * h->width,
               h->width);
}

int CPU(attention)(void *ctx, ctensor *qkv, int heads, bool causal, struct tensor *out,
                   struct tensor *lse, struct err *e)
{
    const struct cpu *c = ctx;
    struct heads h = heads_of(qkv, heads, causal, 1);
    if (check_tile(&h, e))
        return -1;
    int64_t tiles = (h.length + h.tile - 1) / h.tile;
    const float *x = qkv->data;
    float *y = out->data, *sums = lse ? lse->data : NULL;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < h.batch * h.count * tiles; i++) {
        int64_t t0 = i % tiles * h.tile, pair = i / tiles;
        int64_t first = pair / h.count * h.length, column = pair % h.count * h.size;
        forward_tile(&h, x + first * 3 * h.width + column, t0, par_min(t0 + h.tile, h.length),
                     cpu_scratch(c), y + first * h.width + column,
                     sums ? sums + pair * h.length : NULL);
    }
    return 0;
}

/* dp becomes the gradient of the scaled scores: p (dp - delta) scale,
 * where delta is the sum of out dout over the head's columns. */
static inline void score_gradient(const float *restrict p, float *restrict dp, int64_t n,
                                  float delta, float scale)
{
    for (int64_t j = 0; j < n; j++)
        dp[j] = p[j] * (dp[j] - delta) * scale;
}

/* One head of one sequence: pointers to its first row. */
struct head_grad {
    const float *q, *out, *lse, *dout;
    float *dq;
};

static void backward_tile(const struct heads *h, const struct head_grad *g, int64_t t0, int64_t t1,
                          float *p, float *dp)
{
    int64_t ld = 3 * h->width, m = t1 - t0, keys = keys_seen(h, t1), d = h->width;
    const float *q = g->q + t0 * ld, *k = g->q + d, *v = k + d;
    const float *dout = g->dout + t0 * d, *out = g->out + t0 * d;
    float *dq = g->dq + t0 * ld, *dk = g->dq + d, *dv = dk + d;

    CPU(sgemm)(false, true, m, keys, h->size, h->scale, q, ld, k, ld, 0, p, keys);
    CPU(sgemm)(false, true, m, keys, h->size, 1, dout, d, v, ld, 0, dp, keys);
    for (int64_t i = 0; i < m; i++) {
        int64_t seen = h->causal ? t0 + i + 1 : keys;
        row_exp(p + i * keys, seen, g->lse[t0 + i], p + i * keys);
        memset(p + i * keys + seen, 0, (size_t)(keys - seen) * sizeof *p);
        score_gradient(p + i * keys, dp + i * keys, keys,
                       row_dot(out + i * d, dout + i * d, h->size), h->scale);
    }
    CPU(sgemm)(true, false, keys, h->size, m, 1, p, keys, dout, d, 1, dv, ld);
    CPU(sgemm)(true, false, keys, h->size, m, 1, dp, keys, q, ld, 1, dk, ld);
    CPU(sgemm)(false, false, m, h->size, keys, 1, dp, keys, k, ld, 1, dq, ld);
}

int CPU(attention_bwd)(void *ctx, ctensor *qkv, int heads, bool causal, ctensor *out, ctensor *lse,
                       ctensor *dout, struct tensor *dqkv, struct err *e)
{
    const struct cpu *c = ctx;
    struct heads h = heads_of(qkv, heads, causal, 2);
    if (check_tile(&h, e))
        return -1;

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < h.batch * h.count; i++) {
        int64_t first = i / h.count * h.length, column = i % h.count * h.size;
        int64_t wide = first * 3 * h.width + column, narrow = first * h.width + column;
        struct head_grad g = {
            .q = (const float *)qkv->data + wide,
            .out = (const float *)out->data + narrow,
            .lse = (const float *)lse->data + i * h.length,
            .dout = (const float *)dout->data + narrow,
            .dq = (float *)dqkv->data + wide,
        };
        float *p = cpu_scratch(c), *dp = p + h.tile * h.length;
        for (int64_t t = 0; t < h.length; t += h.tile)
            backward_tile(&h, &g, t, par_min(t + h.tile, h.length), p, dp);
    }
    return 0;
}

/* Appends the new keys and values of batch row b, position t. */
static void cache_append(const struct heads *h, const float *qkv, float *keys, float *values)
{
    memcpy(keys, qkv + h->width, (size_t)h->width * sizeof *keys);
    memcpy(values, qkv + 2 * h->width, (size_t)h->width * sizeof *values);
}

/* One query against the first `seen` positions of its slot, one head. */
static void cached_query(const struct heads *h, const float *q, const float *keys,
                         const float *values, int64_t seen, float *s, float *restrict out)
{
    for (int64_t j = 0; j < seen; j++)
        s[j] = h->scale * row_dot(q, keys + j * h->width, h->size);
    softmax_row(s, seen, seen, NULL);
    memset(out, 0, (size_t)h->size * sizeof *out);
    for (int64_t j = 0; j < seen; j++) {
        const float *restrict v = values + j * h->width;
        for (int64_t i = 0; i < h->size; i++)
            out[i] += s[j] * v[i];
    }
}

static int check_slots(const struct heads *h, const struct kv *kv, struct err *e)
{
    const int32_t *slot = kv->slot->data, *pos = kv->pos->data;
    if (kv->positions > CPU_SCRATCH_FLOATS)
        return err_set(e, ERR_UNSUPPORTED, "attention: cache of %d positions, scratch holds %lld",
                       kv->positions, (long long)CPU_SCRATCH_FLOATS);
    for (int64_t b = 0; b < h->batch; b++)
        if (slot[b] < 0 || slot[b] >= kv->slots || pos[b] < 0 ||
            pos[b] + h->length > kv->positions)
            return err_set(e, ERR_INTERNAL,
                           "attention: %lld tokens at slot %d, position %d; cache has %d slots of "
                           "%d positions",
                           (long long)h->length, (int)slot[b], (int)pos[b], kv->slots,
                           kv->positions);
    return 0;
}

int CPU(attention_cached)(void *ctx, ctensor *qkv, int heads, struct kv *kv, int layer,
                          struct tensor *out, struct err *e)
{
    const struct cpu *c = ctx;
    struct heads h = heads_of(qkv, heads, true, 1);
    if (check_slots(&h, kv, e))
        return -1;
    const int32_t *slot = kv->slot->data, *pos = kv->pos->data;
    const float *x = qkv->data;
    float *y = out->data;
    int64_t slot_size = (int64_t)kv->positions * h.width, base = layer * kv->slots * slot_size;
    float *keys = (float *)kv->keys.data + base, *values = (float *)kv->values.data + base;

    for (int64_t i = 0; i < h.batch * h.length; i++) {
        int64_t b = i / h.length, t = i % h.length;
        int64_t at = slot[b] * slot_size + (pos[b] + t) * h.width;
        cache_append(&h, x + i * 3 * h.width, keys + at, values + at);
    }
#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < h.batch * h.length * h.count; i++) {
        int64_t row = i / h.count, column = i % h.count * h.size, b = row / h.length;
        int64_t at = slot[b] * slot_size + column;
        cached_query(&h, x + row * 3 * h.width + column, keys + at, values + at,
                     pos[b] + row % h.length + 1, cpu_scratch(c), y + row * h.width + column);
    }
    return 0;
}
