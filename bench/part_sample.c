/*
 * The part of a step that chooses tokens: top-k, top-p and a draw for every sequence, as often as a
 * picture has tokens, so that its seconds stand beside those of a decode row.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "bench/part.h"
#include "kernels/sample.h"

#define SPREAD 2 /* standard deviation of the logits: a few hundred of 16,384 share the mass */
#define COLUMNS                                                                                    \
    10 /* tensors of struct sample_rows, and room for what their places are rounded to */
#define PLACE_BYTES ((size_t)1024)

struct sampling {
    struct arena arena;
    struct pass pass;
    struct sample_rows rows;
    int n, tokens;
};

/* ---- opening ---- */

static struct tensor *make_logits(struct pass *p, int64_t n, int64_t vocab, struct err *e)
{
    int64_t dim[] = { n, vocab };
    float *x = mem_alloc((size_t)(n * vocab), sizeof *x);
    if (!x) {
        err_set(e, ERR_NOMEM, "no memory for logits");
        return NULL;
    }
    for (int64_t i = 0; i < n * vocab; i++)
        x[i] = SPREAD * rng_normal_at(1, 1, (uint64_t)i);
    struct tensor *logits = pass_upload(p, DTYPE_F32, 2, dim, x);
    mem_free(x);
    return logits;
}

/* The same number for every sequence. */
static struct tensor *floats(struct pass *p, int64_t n, float value)
{
    float x[GEN_ROWS_MAX];
    for (int64_t i = 0; i < n; i++)
        x[i] = value;
    return pass_upload(p, DTYPE_F32, 1, &n, x);
}

/* first, first + step, ... */
static struct tensor *ints(struct pass *p, int64_t n, int32_t first, int32_t step)
{
    int32_t x[2 * GEN_ROWS_MAX];
    for (int64_t i = 0; i < n; i++)
        x[i] = first + step * (int32_t)i;
    return pass_upload(p, DTYPE_I32, 1, &n, x);
}

static struct tensor *seeds(struct pass *p, int64_t n)
{
    struct tensor *words = ints(p, 2 * n, 1, 1);
    if (words) {
        words->n_dims = 2; /* [N, 2] */
        words->dim[0] = n;
        words->dim[1] = 2;
    }
    return words;
}

static void make_rows(struct sampling *s, const struct bundle_sampling *how)
{
    struct pass *p = &s->pass;
    s->rows.cond_row = ints(p, s->n, 0, 1);
    s->rows.uncond_row = ints(p, s->n, -1, 0);
    s->rows.guidance = floats(p, s->n, 1);
    s->rows.temperature = floats(p, s->n, how->temperature);
    s->rows.top_k = ints(p, s->n, how->top_k, 0);
    s->rows.top_p = floats(p, s->n, how->top_p);
    s->rows.seed = seeds(p, s->n);
    s->rows.position = ints(p, s->n, 0, 1);
}

static int open_sampling(struct bench *b, struct err *e)
{
    const struct bundle_config *c = &b->preset->config;
    struct sampling *s = b->sampling = mem_alloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for a bench");
    s->n = b->part->n;
    s->tokens = c->gpt.tokens;
    size_t bytes = (size_t)s->n * (size_t)c->gpt.vocab * sizeof(float) + COLUMNS * PLACE_BYTES;
    if (arena_init(&s->arena, b->dev, bytes, ARENA_HOST_BYTES, e))
        return -1;
    pass_init(&s->pass, b->dev, &s->arena, NULL);
    s->rows.logits = make_logits(&s->pass, s->n, c->gpt.vocab, e);
    make_rows(s, &c->sampling);
    return s->rows.logits ? pass_finish(&s->pass, e) : -1;
}

static void close_sampling(struct bench *b)
{
    if (b->sampling)
        arena_free(&b->sampling->arena);
    mem_free(b->sampling);
    b->sampling = NULL;
}

/* ---- runs ---- */

static int run_sampling(struct bench *b, struct err *e)
{
    struct sampling *s = b->sampling;
    struct arena_mark mark = arena_mark(&s->arena);
    for (int i = 0; i < s->tokens; i++) {
        sample_draw(&s->pass, &s->rows);
        arena_release(&s->arena, mark);
    }
    return pass_finish(&s->pass, e);
}

static void sampling_work(const struct bench *b, struct work *ret_work)
{
    *ret_work = work_sample(&b->preset->config.gpt, b->part->n);
}

const struct part_kind PART_SAMPLE = {
    .open = open_sampling, .run = run_sampling, .close = close_sampling, .work = sampling_work
};
