/*
 * Logits -> filtered probabilities -> tokens, one row a thread, no row aware of the others.
 *
 * A filter keeps the first numbers in descending order, up to some count or sum. Numbers are thrown
 * into bins by their leading bits, and the bins are walked from the largest: only the bin in which
 * the limit falls has to be sorted, by a heap that gives its numbers one by one, the lower index
 * first among equals.
 */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "kernels/cpu/check.h"
#include "kernels/cpu/map.h"
#include "kernels/cpu/row.h"

/* ---- descending order within a bin, lazily ---- */

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

static void heap_build(struct heap *h)
{
    for (int64_t i = h->n / 2; i-- > 0;)
        heap_sink(h, i);
}

static struct entry heap_take(struct heap *h)
{
    struct entry first = h->entry[0];

    h->entry[0] = h->entry[--h->n];
    heap_sink(h, 0);
    return first;
}

/* ---- bins ---- */

#define BINS 4096 /* sign, exponent and three bits: eight bins between a number and its double */

/* Bins in the order of the numbers. */
static uint32_t bin_of(float x)
{
    uint32_t bits = vm_to_bits(x);

    return (bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u)) >> 20;
}

/* Memory of a row: its numbers and what the filters need. */
struct row {
    float *x; /* [V] */
    int64_t V;
    double *bin;         /* [BINS] sum of the weights of a bin's numbers */
    struct entry *entry; /* [V] */
};

/* Where the sum over numbers in descending order passes a limit. */
struct edge {
    uint32_t bin;
    double above;     /* sum over the bins above */
    struct heap heap; /* the bin's own numbers */
};

/* Each number weighs 1 (`count`) or itself. False: the sum never passes the limit. */
static bool find_edge(const struct row *r, bool count, double limit, struct edge *ret)
{
    uint32_t b = BINS;
    double above = 0;

    memset(r->bin, 0, BINS * sizeof *r->bin);
    for (int64_t j = 0; j < r->V; j++)
        r->bin[bin_of(r->x[j])] += count ? 1.0 : r->x[j];
    while (b > 0 && above + r->bin[b - 1] <= limit)
        above += r->bin[--b];
    if (b == 0)
        return false;
    *ret = (struct edge){ b - 1, above, { r->entry, 0 } };
    for (int64_t j = 0; j < r->V; j++)
        if (bin_of(r->x[j]) == ret->bin)
            r->entry[ret->heap.n++] = (struct entry){ r->x[j], (int32_t)j };
    heap_build(&ret->heap);
    return true;
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

/* The lowest index of the largest; -1 when there is a NaN, so that it cannot pass unnoticed:
 * op_embedding makes NaN of it. */
static int32_t largest(const float *x, int64_t V)
{
    float top = row_max(x, V);
    int64_t nans = 0, first = 0;

    for (int64_t j = 0; j < V; j++)
        nans += x[j] != x[j];
    while (first < V && x[first] != top)
        first++;
    return nans ? -1 : (int32_t)first;
}

/* The k-th largest: equal ones all stay. */
static float cut_top_k(const struct row *r, int64_t k)
{
    struct edge edge;

    if (!find_edge(r, true, (double)k - 1, &edge))
        return -INFINITY;
    for (double before = edge.above + 1; before < (double)k; before++)
        heap_take(&edge.heap);
    return edge.heap.entry[0].value;
}

/* x -> weights exp(x - top), 0 below `cut`; returns their sum. */
static double weigh(float *x, int64_t V, float top, float cut)
{
    double sum = 0;

    for (int64_t j = 0; j < V; j++)
        x[j] = x[j] < cut ? 0.0f : vm_exp(x[j] - top);
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < V; j++)
        sum += x[j];
    return sum;
}

/* Keeps weights, from the largest down, while those before them sum to no more than `limit`; zeroes
 * the others; returns the sum of the kept. */
static double cut_top_p(const struct row *r, double sum, double limit)
{
    struct edge edge;

    if (!find_edge(r, false, limit, &edge))
        return sum;
    double before = edge.above;
    while (edge.heap.n > 0 && before <= limit)
        before += heap_take(&edge.heap).value;
    for (int64_t j = 0; j < r->V; j++)
        r->x[j] = bin_of(r->x[j]) < edge.bin ? 0.0f : r->x[j];
    for (int64_t i = 0; i < edge.heap.n; i++)
        r->x[edge.heap.entry[i].index] = 0.0f;
    return before;
}

/* Probabilities of a row, all zero but the kept. */
static void row_probs(const struct wish *w, const struct row *r)
{
    float *x = r->x, cut = -INFINITY;

    guide(w, x, r->V);
    int32_t best = largest(x, r->V);
    if (w->temperature <= 0.0f) {
        for (int64_t j = 0; j < r->V; j++)
            x[j] = j == best ? 1.0f : 0.0f;
        return;
    }
    if (w->top_k > 0 && w->top_k < r->V)
        cut = cut_top_k(r, w->top_k);
    double sum = weigh(x, r->V, best < 0 ? NAN : x[best], cut);
    if (w->top_p < 1.0f)
        sum = cut_top_p(r, sum, w->top_p * sum);
    for (int64_t j = 0; j < r->V; j++)
        x[j] = (float)(x[j] / sum);
}

/* The token whose share of [0, 1) holds u, shares in order of index; -1 when all are NaN. */
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

static int32_t row_token(const struct wish *w, const struct row *r)
{
    if (w->temperature <= 0.0f) {
        guide(w, r->x, r->V);
        return largest(r->x, r->V);
    }
    row_probs(w, r);
    return draw(r->x, r->V, rng_uniform_at(w->seed, 0, w->position));
}

/* ---- entries ---- */

/* This thread's scratch as a row's memory: bins, entries, numbers. */
static struct row row_of(const struct cpu *c, int64_t V)
{
    double *bin = (double *)cpu_scratch(c);
    struct entry *entry = (struct entry *)(bin + BINS);

    return (struct row){ (float *)(entry + V), V, bin, entry };
}

static int sample_check(const struct sample_rows *r, ctensor *out, struct err *e)
{
    int64_t V = tensor_cols(r->logits);
    int64_t bytes = V * (int64_t)(sizeof(struct entry) + sizeof(float));

    if (bytes > (int64_t)(CPU_SCRATCH_BYTES - BINS * sizeof(double)))
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
        struct row r = row_of(c, V);
        ptokens[i] = row_token(&w, &r);
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
        struct row r = row_of(c, V);
        r.x = pprobs + i * V;
        row_probs(&w, &r);
    }
    return 0;
}
