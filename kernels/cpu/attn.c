/*
 * Attention: softmax(q k^T / sqrt(width)) v for every head, without a [T, T] matrix in memory.
 *
 * A task takes queries of one head and goes through its keys and values block by block; a strip's
 * scores, their softmax and its product with the values follow each other while they are in the
 * first cache. Where there are several blocks, a row's maximum and sum so far are kept, and what
 * it has is scaled down when its maximum rises (Milakov and Gimelshein, arXiv 1805.02867; Dao et
 * al., arXiv 2205.14135). Heads never mix and blocks depend on the shape of one sequence alone:
 * its bits do not depend on the batch.
 */
#include "kernels/cpu/attn.h"
#include "kernels/cpu/check.h"
#include "kernels/cpu/vecmath.h"

/* Fewer queries than this are not worth packing a head's keys once more. */
#define TASK_QUERIES 64

/* Queries begin .. end of one head: pointers to its columns in the sequence's first row. */
struct task {
    const float *q, *k, *v;
    float *out, *lse;         /* lse may be NULL */
    int64_t begin, end;       /* a multiple of TILE_ROWS; up to another one, or the last */
    int64_t block;            /* keys of a block, and columns of scores */
    float *keys, *values;     /* packed: the block's */
    float *scores;            /* [TILE_ROWS, block] */
    float *sums;              /* [TILE_ROWS, size]: the strip's product with the block's values */
    float *row_max, *row_sum; /* [T]: so far */
};

/* What the softmax of a strip and a block leaves: new maxima and sums, and the factor by which what
 * was summed before counts now. */
struct strip_state {
    float max[TILE_ROWS], sum[TILE_ROWS], keep[TILE_ROWS];
};

static void strip_maxima(const float *s, int64_t ld, int64_t vecs, float *ret_max)
{
    for (int r = 0; r < TILE_ROWS; r += 4) {
        vec most[4];
        EACH (i, 4)
            most[i] = vec_load(s + (r + i) * ld);
        for (int64_t v = 1; v < vecs; v++)
            EACH (i, 4)
                most[i] = vec_max(most[i], vec_load(s + (r + i) * ld + v * VEC_LANES));
        quad_store(ret_max + r, vec_maxima(most));
    }
}

/* s becomes e^(s - max), and its sums. */
static void strip_exp(float *s, int64_t ld, int64_t vecs, const float *max, float *ret_sum)
{
    for (int r = 0; r < TILE_ROWS; r += 4) {
        vec sum[4] = { { 0 } };
        for (int64_t v = 0; v < vecs; v++)
            EACH (i, 4) {
                float *at = s + (r + i) * ld + v * VEC_LANES;
                vec x = vec_exp(vec_load(at) - max[r + i]);
                vec_store(at, x);
                sum[i] += x;
            }
        quad_store(ret_sum + r, vec_sums(sum));
    }
}

/* The scores of queries t .. become what is multiplied with values. */
static struct strip_state strip_softmax(const struct task *f, int64_t t, bool first, int64_t vecs)
{
    struct strip_state s;
    float *max = f->row_max + t - f->begin, *sum = f->row_sum + t - f->begin;
    strip_maxima(f->scores, f->block, vecs, s.max);
    for (int r = 0; r < TILE_ROWS; r++) {
        float before = first ? -INFINITY : max[r];
        s.max[r] = before > s.max[r] ? before : s.max[r];
        s.keep[r] = vm_exp(before - s.max[r]);
    }
    strip_exp(f->scores, f->block, vecs, s.max, s.sum);
    for (int r = 0; r < TILE_ROWS; r++) {
        s.sum[r] += first ? 0 : s.keep[r] * sum[r];
        max[r] = s.max[r];
        sum[r] = s.sum[r];
    }
    return s;
}

/* out = (keep out + sums) scale */
static inline void put_row(const float *restrict sums, bool first, float keep, float scale,
                           int64_t n, float *restrict out)
{
    if (first)
        for (int64_t j = 0; j < n; j++)
            out[j] = scale * sums[j];
    else
        for (int64_t j = 0; j < n; j++)
            out[j] = scale * (keep * out[j] + sums[j]);
}

static void put_strip(const struct heads *h, const struct task *f, const struct strip_state *s,
                      int64_t t, int64_t rows, bool first, bool last)
{
    int64_t ld = whole_vecs(h->size);
    float lse[TILE_ROWS];
    for (int64_t r = 0; r < rows; r++)
        put_row(f->sums + r * ld, first, s->keep[r], last ? 1 / s->sum[r] : 1, h->size,
                f->out + (t + r) * h->width);
    if (!last || !f->lse)
        return;
    for (int r = 0; r < TILE_ROWS; r++)
        lse[r] = s->max[r] + vm_log(s->sum[r]);
    memcpy(f->lse + t, lse, (size_t)rows * sizeof *lse);
}

static void strip(const struct heads *h, const struct task *f, const struct key_block *b,
                  const struct packed *values, int64_t t)
{
    const float *row[TILE_ROWS];
    int64_t rows = par_min(TILE_ROWS, f->end - t), n = strip_keys(h, b, t, rows);
    bool first = b->begin == 0, last = b->begin + n == seen(h, t + rows);
    struct product_to to = {
        f->sums, whole_vecs(h->size), TILE_ROWS, whole_vecs(h->size), 1, false
    };
    strip_scores(h, b, f->q + t * 3 * h->width, t, rows, n, f->scores, f->block);
    struct strip_state s = strip_softmax(f, t, first, vecs_of(n));
    point_rows(f->scores, f->block, TILE_ROWS, row);
    CPU(product_rows)(row, n, values, &to);
    put_strip(h, f, &s, t, rows, first, last);
}

static void run(const struct heads *h, const struct task *f)
{
    int64_t row = 3 * h->width, keys = seen(h, f->end);
    fetch_rows(f->q + f->begin * row, row, par_min(f->end - f->begin, f->block), h->size);
    for (int64_t k = 0; k < keys; k += f->block) {
        int64_t n = par_min(f->block, h->length - k);
        fetch_rows(f->k + k * row, row, n, h->size);
        fetch_rows(f->v + k * row, row, n, h->size);
        struct key_block b = { k, n, CPU(pack)(f->k + k * row, 1, row, h->size, n, f->keys) };
        struct packed values = CPU(pack)(f->v + k * row, row, 1, n, h->size, f->values);
        /* Queries before the block do not see it. */
        int64_t t = h->causal && k > f->begin ? k : f->begin;
        for (; t < f->end; t += TILE_ROWS)
            strip(h, f, &b, &values, t);
    }
}

/* Into how many tasks a head's queries are cut: enough to go round. No bit depends on it. */
static int64_t tasks_of(const struct cpu *c, const struct heads *h)
{
    int64_t heads = h->batch * h->count, wanted = (2 * c->threads + heads - 1) / heads;
    return par_min(wanted, (h->length + TASK_QUERIES - 1) / TASK_QUERIES);
}

/* Strips of queries of one head, with scratch but no operands yet. */
static struct task task_of(const struct cpu *c, const struct heads *h, int64_t block,
                           struct par_range strips)
{
    int64_t size = whole_vecs(h->size), whole = whole_vecs(h->length);
    float *scratch = cpu_scratch(c);
    struct task f = {
        .begin = strips.begin * TILE_ROWS,
        .end = par_min(strips.end * TILE_ROWS, h->length),
        .block = block,
        .keys = scratch,
        .values = scratch + block * size,
        .scores = scratch + 2 * block * size,
    };
    f.sums = f.scores + TILE_ROWS * block;
    f.row_max = f.sums + TILE_ROWS * size;
    f.row_sum = f.row_max + whole;
    return f;
}

int CPU(attention)(void *ctx, ctensor *qkv, int heads, bool causal, struct tensor *out,
                   struct tensor *lse, struct err *e)
{
    if (CPU_ALL_F32("attention", e, qkv, out, lse))
        return -1;
    const struct cpu *c = ctx;
    struct heads h = heads_of(qkv, heads, causal);
    int64_t size = whole_vecs(h.size);
    int64_t block =
        block_keys(&h, 2 * size + TILE_ROWS, TILE_ROWS * size + 2 * whole_vecs(h.length));
    int64_t tasks = tasks_of(c, &h), strips = (h.length + TILE_ROWS - 1) / TILE_ROWS;
    if (block < 0)
        return no_room(&h, e);

#pragma omp parallel for num_threads(c->threads) schedule(dynamic)
    for (int64_t i = 0; i < h.batch * h.count * tasks; i++) {
        int64_t head = i / tasks;
        int64_t first = head / h.count * h.length, column = head % h.count * h.size;
        struct task f = task_of(c, &h, block, par_range(strips, tasks, i % tasks));
        f.q = (const float *)qkv->data + first * 3 * h.width + column;
        f.k = f.q + h.width;
        f.v = f.q + 2 * h.width;
        f.out = (float *)out->data + first * h.width + column;
        f.lse = lse ? (float *)lse->data + head * h.length : NULL;
        run(&h, &f);
    }
    return 0;
}
