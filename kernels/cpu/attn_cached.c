/*
 * Attention over the key/value cache: a query at a time, one head of it a task.
 *
 * A slot holds its heads one after the other, [head][position][size]: a task reads its keys and
 * values from the first byte to the last.
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

/* What is made of loops over constants: they vanish where it is inlined. */
#define INLINE static inline __attribute__((always_inline))
#define GROUP 4 /* keys, or vectors of values, that are in registers together */

/* One call. */
struct cached {
    struct heads h;
    bool half;     /* the cache is F16 */
    size_t number; /* bytes of one */
    int64_t positions;
    unsigned char *keys, *values; /* of the layer */
    const int32_t *slot, *pos;
    const float *qkv; /* [B T, 3 D] */
    float *out;       /* [B T, D] */
};

/* ---- numbers of a cache; `half` is a constant at every call ---- */

INLINE vec load(bool half, const unsigned char *p)
{
    return half ? vec_load_f16(p) : vec_load((const float *)(const void *)p);
}

INLINE float load_one(bool half, const unsigned char *p)
{
    float x;
    uint16_t bits;
    memcpy(&x, p, half ? 0 : sizeof x);
    memcpy(&bits, p, half ? sizeof bits : 0);
    return half ? half_from_f16(bits) : x;
}

static void store_half(const float *from, int64_t n, unsigned char *to)
{
    int64_t i = 0;
    for (; i + VEC_LANES <= n; i += VEC_LANES)
        vec_store_f16(to + 2 * i, vec_load(from + i));
    for (; i < n; i++) {
        uint16_t bits = half_to_f16(from[i]);
        memcpy(to + 2 * i, &bits, sizeof bits);
    }
}

static void store(const struct cached *c, const float *from, unsigned char *to)
{
    if (c->half)
        store_half(from, c->h.size, to);
    else
        memcpy(to, from, (size_t)c->h.size * sizeof *from);
}

/* Where the keys or values of a head begin, at a position of its slot. */
static size_t place(const struct cached *c, int64_t b, int64_t head, int64_t position)
{
    int64_t row = (c->slot[b] * c->h.count + head) * c->positions + position;
    return (size_t)(row * c->h.size) * c->number;
}

/* ---- one head of one query ---- */

/* Scores of up to GROUP keys: r of them; rows behind the last repeat it. */
INLINE quad key_group(bool half, const struct heads *h, const float *q, const unsigned char *keys,
                      int64_t r)
{
    const size_t number = half ? sizeof(uint16_t) : sizeof(float);
    const unsigned char *key[GROUP];
    vec sum[GROUP] = { 0 };
    int64_t i = 0;

    for (int64_t k = 0; k < GROUP; k++)
        key[k] = keys + (size_t)(par_min(k, r - 1) * h->size) * number;
    for (; i + VEC_LANES <= h->size; i += VEC_LANES)
        EACH (k, GROUP)
            sum[k] += vec_load(q + i) * load(half, key[k] + (size_t)i * number);
    quad dot = vec_sums(sum);
    for (; i < h->size; i++)
        for (int k = 0; k < GROUP; k++)
            dot[k] += q[i] * load_one(half, key[k] + (size_t)i * number);
    return dot * h->scale;
}

INLINE void scores(bool half, const struct heads *h, const float *q, const unsigned char *keys,
                   int64_t n, float *s)
{
    const size_t row = (size_t)h->size * (half ? sizeof(uint16_t) : sizeof(float));
    for (int64_t j = 0; j < n; j += GROUP) {
        quad dot = key_group(half, h, q, keys + (size_t)j * row, n - j);
        memcpy(s + j, &dot, sizeof dot); /* behind n there is room */
    }
}

/* out = p values, columns i .. i + vecs * VEC_LANES */
INLINE void value_columns(bool half, const struct heads *h, const float *p,
                          const unsigned char *values, int64_t n, int64_t i, int vecs, float *out)
{
    const size_t number = half ? sizeof(uint16_t) : sizeof(float);
    vec sum[GROUP] = { 0 };
    for (int64_t j = 0; j < n; j++) {
        const unsigned char *v = values + (size_t)(j * h->size + i) * number;
        EACH (k, vecs)
            sum[k] += p[j] * load(half, v + (size_t)k * VEC_LANES * number);
    }
    EACH (k, vecs)
        vec_store(out + i + k * VEC_LANES, sum[k]);
}

INLINE void weigh_values(bool half, const struct heads *h, const float *p,
                         const unsigned char *values, int64_t n, float *out)
{
    const size_t number = half ? sizeof(uint16_t) : sizeof(float);
    int64_t i = 0;
    for (; i + GROUP * VEC_LANES <= h->size; i += GROUP * VEC_LANES)
        value_columns(half, h, p, values, n, i, GROUP, out);
    for (; i + VEC_LANES <= h->size; i += VEC_LANES)
        value_columns(half, h, p, values, n, i, 1, out);
    for (; i < h->size; i++) {
        float sum = 0;
        for (int64_t j = 0; j < n; j++)
            sum += p[j] * load_one(half, values + (size_t)(j * h->size + i) * number);
        out[i] = sum;
    }
}

INLINE void query(bool half, const struct heads *h, const float *q, const unsigned char *keys,
                  const unsigned char *values, int64_t n, float *s, float *out)
{
    scores(half, h, q, keys, n, s);
    softmax_row(s, n, n, NULL);
    weigh_values(half, h, s, values, n, out);
}

/* ---- tasks: i counts the heads of all queries ---- */

static void append(const struct cached *c, int64_t i)
{
    int64_t row = i / c->h.count, head = i % c->h.count, b = row / c->h.length;
    size_t at = place(c, b, head, c->pos[b] + row % c->h.length);
    const float *x = c->qkv + row * 3 * c->h.width + head * c->h.size;

    store(c, x + c->h.width, c->keys + at);
    store(c, x + 2 * c->h.width, c->values + at);
}

static void attend(const struct cached *c, int64_t i, float *scratch)
{
    int64_t row = i / c->h.count, head = i % c->h.count, b = row / c->h.length;
    int64_t n = c->pos[b] + row % c->h.length + 1;
    size_t at = place(c, b, head, 0);
    const float *q = c->qkv + row * 3 * c->h.width + head * c->h.size;
    float *out = c->out + row * c->h.width + head * c->h.size;

    if (c->half)
        query(true, &c->h, q, c->keys + at, c->values + at, n, scratch, out);
    else
        query(false, &c->h, q, c->keys + at, c->values + at, n, scratch, out);
}

/* ---- entry ---- */

static int check_cache(const struct kv *kv, struct err *e)
{
    enum dtype t = kv->keys.dtype;
    if (t != kv->values.dtype || (t != DTYPE_F32 && t != DTYPE_F16))
        return err_set(e, ERR_UNSUPPORTED,
                       "attention_cached: a cache of %s and %s, the CPU has "
                       "f32 and f16",
                       dtype_name(t), dtype_name(kv->values.dtype));
    if (whole_vecs(kv->positions) + GROUP > CPU_SCRATCH_FLOATS)
        return err_set(e, ERR_UNSUPPORTED, "attention: cache of %d positions, scratch holds %lld",
                       kv->positions, (long long)CPU_SCRATCH_FLOATS);
    return 0;
}

static int check_slots(const struct heads *h, const struct kv *kv, struct err *e)
{
    const int32_t *slot = kv->slot->data, *pos = kv->pos->data;
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
    const struct cpu *cpu = ctx;
    struct heads h = heads_of(qkv, heads, true);
    if (CPU_ALL_F32("attention_cached", e, qkv, out) ||
        CPU_ALL_I32("attention_cached", e, kv->slot, kv->pos) || check_cache(kv, e) ||
        check_slots(&h, kv, e))
        return -1;
    size_t number = dtype_size(kv->keys.dtype);
    size_t base = (size_t)layer * (size_t)kv->slots * (size_t)kv->positions * (size_t)h.width;
    struct cached c = {
        .h = h,
        .half = kv->keys.dtype == DTYPE_F16,
        .number = number,
        .positions = kv->positions,
        .keys = (unsigned char *)kv->keys.data + base * number,
        .values = (unsigned char *)kv->values.data + base * number,
        .slot = kv->slot->data,
        .pos = kv->pos->data,
        .qkv = qkv->data,
        .out = out->data,
    };
    int64_t tasks = h.batch * h.length * h.count;

#pragma omp parallel num_threads(cpu->threads)
    {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < tasks; i++)
            append(&c, i);
#pragma omp for schedule(static)
        for (int64_t i = 0; i < tasks; i++)
            attend(&c, i, cpu_scratch(cpu));
    }
    return 0;
}
