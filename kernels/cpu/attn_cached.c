/*
 * Attention over the key/value cache: a query at a time, one head of it a task.
 */
#include "kernels/cpu/attn.h"
#include "kernels/cpu/check.h"
#include "kernels/cpu/row.h"

/* Scores behind n, up to a whole vector, become those of keys that are not there: a loop over them
 * has no slow end. Rows have room for that. Returns their number. */
static int64_t hide_behind(float *s, int64_t n)
{
    for (int64_t j = n; j < whole_vecs(n); j++)
        s[j] = -INFINITY;
    return whole_vecs(n);
}

/* Probabilities of one query over its keys; those behind them up to `keys` become zero. */
static void softmax_row(float *s, int64_t n, int64_t keys, float *ret_lse)
{
    int64_t whole = hide_behind(s, n);
    float max = row_max(s, whole), sum = row_exp(s, whole, max, s);
    row_scale(s, whole, 1.0f / sum, s);
    if (keys > whole)
        memset(s + whole, 0, (size_t)(keys - whole) * sizeof *s);
    if (ret_lse)
        *ret_lse = max + logf(sum);
}

/* Appends the new keys and values of batch row b, position t. */
static void cache_append(const struct heads *h, const float *qkv, float *keys, float *values)
{
    memcpy(keys, qkv + h->width, (size_t)h->width * sizeof *keys);
    memcpy(values, qkv + 2 * h->width, (size_t)h->width * sizeof *values);
}

/* One query against the first n positions of its slot, one head. */
static void cached_query(const struct heads *h, const float *q, const float *keys,
                         const float *values, int64_t n, float *s, float *restrict out)
{
    for (int64_t j = 0; j < n; j++)
        s[j] = h->scale * row_dot(q, keys + j * h->width, h->size);
    softmax_row(s, n, n, NULL);
    memset(out, 0, (size_t)h->size * sizeof *out);
    for (int64_t j = 0; j < n; j++) {
        const float *restrict v = values + j * h->width;
        for (int64_t i = 0; i < h->size; i++)
            out[i] += s[j] * v[i];
    }
}

static int check_slots(const struct heads *h, const struct kv *kv, struct err *e)
{
    const int32_t *slot = kv->slot->data, *pos = kv->pos->data;
    if (whole_vecs(kv->positions) > CPU_SCRATCH_FLOATS)
        return err_set(e, ERR_UNSUPPORTED, "attention: cache of %d positions, scratch holds %lld",
                       kv->positions, (long long)CPU_SCRATCH_FLOATS);
    for (int64_t b = 0; b < h->batch; b++)
        if (slot[b] < 0 || slot[b] >= kv->slots || pos[b] < 0 || pos[b] + h->length > kv->positions)
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
    struct heads h = heads_of(qkv, heads, true);
    if (CPU_ALL_F32("attention_cached", e, qkv, &kv->keys, &kv->values, out) ||
        CPU_ALL_I32("attention_cached", e, kv->slot, kv->pos) || check_slots(&h, kv, e))
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
