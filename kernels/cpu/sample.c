/*
 * Logits -> filtered probabilities -> tokens, one row a thread, no row aware of the others.
 *
 * Filters want the logits in descending order, but rarely many of them: a heap is built in one pass
 * and gives them one by one, the lower index first among equals.
 */
#include <math.h>

#include "base/rng.h"
#include "kernels/cpu/check.h"
#include "kernels/cpu/map.h"
#include "kernels/cpu/vmath.h"

/* ---- descending order, lazily ---- */

struct entry {
    float value;
    int32_t index;
};

struct heap {
    struct entry *entry; /* entry[0] is first; children of i are 2i + 1 and 2i + 2 */
    int64_t n;
};

static bool entry_before(struct entry a, struct entry b)
{
    return a.value > b.value || (a.value == b.value && a.index < b.index);
}

static void heap_sink(struct heap *h, int64_t i)
{
    struct entry moved = h->entry[i];

    for (int64_t child = 2 * i + 1; child < h->n; child = 2 * i + 1) {
        if (child + 1 < h->n && entry_before(h->entry[child + 1], h->entry[child]))
            child++;
        if (!entry_before(h->entry[child], moved))
            break;
        h->entry[i] = h->entry[child];
        i = child;
    }
    h->entry[i] = moved;
}

static struct heap heap_build(struct entry *memory, const float *x, int64_t n)
{
    struct heap h = { memory, n };

    for (int64_t i = 0; i < n; i++)
        memory[i] = (struct entry){ x[i], (int32_t)i };
    for (int64_t i = n / 2; i-- > 0;)
        heap_sink(&h, i);
    return h;
}

static struct entry heap_take(struct heap *h)
{
    struct entry first = h->entry[0];

    h->entry[0] = h->entry[--h->n];
    heap_sink(h, 0);
    return first;
}

/* ---- one row ---- */

/* What the row asks for. */
struct wish {
    const float *cond, *uncond; /* logits; uncond NULL: no guidance */
    float guidance, temperature, top_p;
    int64_t top_k;
    uint64_t seed, position;
};

static float at_f32(ctensor *t, int64_t i)
{
    return ((const float *)t->data)[i];
}

static int32_t at_i32(ctensor *t, int64_t i)
{
    return ((const int32_t *)t->data)[i];
}

static struct wish wish_of(const struct sample_rows *rows, int64_t i)
{
    int64_t V = tensor_cols(rows->logits);
    const float *logits = rows->logits->data;
    int32_t uncond = at_i32(rows->uncond_row, i);

    return (struct wish){
        .cond = logits + at_i32(rows->cond_row, i) * V,
        .uncond = uncond < 0 ? NULL : logits + uncond * V,
        .guidance = at_f32(rows->guidance, i),
        .temperature = at_f32(rows->temperature, i),
        .top_p = at_f32(rows->top_p, i),
        .top_k = at_i32(rows->top_k, i),
        .seed = (uint64_t)(uint32_t)at_i32(rows->seed, 2 * i) |
                (uint64_t)(uint32_t)at_i32(rows->seed, 2 * i + 1) << 32,
        .position = (uint64_t)(uint32_t)at_i32(rows->position, i),
    };
}

/* Guided logits over the temperature. */
static void guide(const struct wish *w, float *x, int64_t V)
{
    for (int64_t j = 0; j < V; j++)
        x[j] = w->uncond ? w->uncond[j] + w->guidance * (w->cond[j] - w->uncond[j]) : w->cond[j];
    if (w->temperature > 0.0f)
        for (int64_t j = 0; j < V; j++)
            x[j] /= w->temperature;
}

/* The lowest index of the largest; -1 when there is none (NaN), so that it cannot pass unnoticed:
 * op_embedding makes NaN of it. */
static int32_t largest(const float *x, int64_t V)
{
    int32_t best = -1;
    float top = -INFINITY;

    for (int64_t j = 0; j < V; j++) {
        if (x[j] > top) {
            top = x[j];
            best = (int32_t)j;
        }
    }
    return best;
}

/* The value that the smallest of the kept has: that of the k-th. */
static float cut_top_k(struct entry *memory, const float *x, int64_t V, int64_t k)
{
    struct heap h = heap_build(memory, x, V);

    for (int64_t i = 1; i < k; i++)
        heap_take(&h);
    return h.entry[0].value;
}

/* x -> weights exp(x - largest), 0 below `cut`; returns their sum. */
static double weigh(float *x, int64_t V, float top, float cut)
{
    double sum = 0;

    for (int64_t j = 0; j < V; j++)
        x[j] = x[j] >= cut ? vm_exp(x[j] - top) : 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < V; j++)
        sum += x[j];
    return sum;
}

/* Keeps weights, from the largest down, while those before them sum to no more than p of all;
 * zeroes the others; returns the sum of the kept. */
static double cut_top_p(struct entry *memory, float *x, int64_t V, double sum, float p)
{
    struct heap h = heap_build(memory, x, V);
    double before = 0;

    while (h.n > 0 && h.entry[0].value > 0.0f && before <= p * sum)
        before += heap_take(&h).value;
    for (int64_t i = 0; i < h.n; i++)
        x[h.entry[i].index] = 0.0f;
    return before;
}

/* Probabilities of a row, all zero but the kept. memory: V entries. */
static void row_probs(const struct wish *w, struct entry *memory, float *x, int64_t V)
{
    guide(w, x, V);
    int32_t best = largest(x, V);
    if (w->temperature <= 0.0f) {
        for (int64_t j = 0; j < V; j++)
            x[j] = j == best ? 1.0f : 0.0f;
        return;
    }
    float cut = -INFINITY;
    if (w->top_k > 0 && w->top_k < V)
        cut = cut_top_k(memory, x, V, w->top_k);
    double sum = weigh(x, V, best < 0 ? NAN : x[best], cut);
    if (w->top_p < 1.0f)
        sum = cut_top_p(memory, x, V, sum, w->top_p);
    for (int64_t j = 0; j < V; j++)
        x[j] = (float)(x[j] / sum);
}

/* The token whose share of [0, 1) holds u, shares in order of index. */
static int32_t draw(const float *probs, int64_t V, float u)
{
    double before = 0;
    int32_t token = -1;

    for (int64_t j = 0; j < V && before <= u; j++) {
        if (probs[j] > 0.0f)
            token = (int32_t)j;
        before += probs[j];
    }
    return token;
}

static int32_t row_token(const struct wish *w, struct entry *memory, float *x, int64_t V)
{
    if (w->temperature <= 0.0f) {
        guide(w, x, V);
        return largest(x, V);
    }
    row_probs(w, memory, x, V);
    return draw(x, V, rng_uniform_at(w->seed, 0, w->position));
}

/* ---- entries ---- */

static int sample_check(const struct sample_rows *r, ctensor *out, struct err *e)
{
    int64_t V = tensor_cols(r->logits);

    if (V * (int64_t)(sizeof(struct entry) + sizeof(float)) > (int64_t)CPU_SCRATCH_BYTES)
        return err_set(e, ERR_TOO_LARGE, "sample: %lld tokens do not fit the scratch memory",
                       (long long)V);
    if (CPU_ALL_F32("sample", e, r->logits, r->guidance, r->temperature, r->top_p))
        return -1;
    return CPU_ALL_I32("sample", e, r->cond_row, r->uncond_row, r->top_k, r->seed, r->position,
                       out);
}

int CPU(sample_draw)(void *ctx, const struct sample_rows *rows, struct tensor *tokens,
                     struct err *e)
{
    const struct cpu *c = ctx;
    int32_t *ptokens = tokens->data;
    int64_t V = tensor_cols(rows->logits), n = tensor_count(tokens);

    if (sample_check(rows, tokens, e))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, 16 * n * V)) schedule(dynamic)
    for (int64_t i = 0; i < n; i++) {
        struct wish w = wish_of(rows, i);
        float *x = cpu_scratch(c);
        ptokens[i] = row_token(&w, (struct entry *)(x + V), x, V);
    }
    return 0;
}

int CPU(sample_probs)(void *ctx, const struct sample_rows *rows, struct tensor *probs,
                      struct err *e)
{
    const struct cpu *c = ctx;
    float *pprobs = probs->data;
    int64_t V = tensor_cols(rows->logits), n = tensor_rows(probs);

    if (sample_check(rows, rows->seed, e) || CPU_ALL_F32("sample_probs", e, probs))
        return -1;
#pragma omp parallel for num_threads(map_threads(c, 16 * n * V)) schedule(dynamic)
    for (int64_t i = 0; i < n; i++) {
        struct wish w = wish_of(rows, i);
        row_probs(&w, (struct entry *)cpu_scratch(c), pprobs + i * V, V);
    }
    return 0;
}
