/*
 * The parts of generation, through model/generate.h as the daemon calls it.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "bench/part.h"
#include "bench/random.h"
#include "model/rank.h"

#define CACHE_SIZE 2 /* bytes of a number in the cache: f16, whatever it is kept in */

/* Of a number in a matrix; blocks of 32 share a scale of 16 bits. */
static const double BITS[] = {
    [PARAM_F32] = 32, [PARAM_F16] = 16, [PARAM_BF16] = 16, [PARAM_Q8_0] = 8.5, [PARAM_Q4_0] = 4.5,
};

enum { STAGE_EMBED, STAGE_DECODE, STAGE_VQGAN, STAGE_RANK }; /* of text_to_8of64 */

struct generation {
    struct gen *gen;
    struct gen_settings settings;
    int n; /* sequences */
    int slots[GEN_ROWS_MAX];
    int32_t *ids;                         /* [context] a prompt of full length, */
    int end;                              /* and its last token */
    int32_t *tokens;                      /* of a picture */
    float *embed, *condition, *candidate; /* [E] */
    struct image picture;
};

/* ---- opening ---- */

static int need_bundle(struct bench *b, struct err *e)
{
    enum param_format format = b->part->format;
    if (b->bundle && b->format == format)
        return 0;
    bundle_close(b->bundle);
    b->bundle = NULL;
    b->format = format;
    if (bundle_new(&b->preset->config, b->dev, format, &b->bundle, e))
        return -1;
    return random_fill_bundle(b->bundle, e);
}

static int make_inputs(struct generation *g, const struct bundle_config *c, struct err *e)
{
    int context = c->clip.text.context, n_tokens = c->gpt.tokens, side = c->clip.image.size;
    g->ids = mem_alloc((size_t)context, sizeof *g->ids);
    g->tokens = mem_alloc((size_t)n_tokens, sizeof *g->tokens);
    g->embed = mem_alloc((size_t)c->clip.embed_dim, sizeof *g->embed);
    g->condition = mem_alloc((size_t)c->clip.embed_dim, sizeof *g->condition);
    g->candidate = mem_alloc((size_t)c->clip.embed_dim, sizeof *g->candidate);
    if (!g->ids || !g->tokens || !g->embed || !g->condition || !g->candidate)
        return err_set(e, ERR_NOMEM, "no memory for a prompt and a picture");
    for (int i = 0; i < context; i++)
        g->ids[i] = i * 7919 % c->clip.text.vocab;
    for (int i = 0; i < n_tokens; i++)
        g->tokens[i] = i * 7919 % c->gpt.vocab;
    if (image_new(side, side, 3, &g->picture, e))
        return -1;
    for (int i = 0; i < side * side * 3; i++)
        g->picture.px[i] = (uint8_t)(i * 31);
    g->end = context - 1;
    return gen_embed_text(g->gen, g->ids, g->end, g->embed, e) ||
           gen_condition(g->gen, g->embed, GEN_TEXT, g->condition, e);
}

static void close_generation(struct bench *b)
{
    struct generation *g = b->generation;
    if (!g)
        return;
    gen_free(g->gen);
    mem_free(g->ids);
    mem_free(g->tokens);
    mem_free(g->embed);
    mem_free(g->condition);
    mem_free(g->candidate);
    image_release(&g->picture);
    mem_free(g);
    b->generation = NULL;
}

static struct gen_settings settings(const struct bench *b, bool guided)
{
    const struct bundle_sampling *s = &b->preset->config.sampling;
    return (struct gen_settings){ .temperature = s->temperature,
                                  .top_k = s->top_k,
                                  .top_p = s->top_p,
                                  .guidance = guided ? s->guidance : 1 };
}

static int open_generation(struct bench *b, bool guided, struct err *e)
{
    struct generation *g = b->generation = mem_alloc(1, sizeof *g);
    if (!g)
        return err_set(e, ERR_NOMEM, "no memory for a bench");
    g->n = b->part->n;
    g->settings = settings(b, guided);
    if (need_bundle(b, e) || gen_new(b->bundle, g->n * gen_rows_needed(&g->settings), &g->gen, e))
        return -1;
    return make_inputs(g, &b->preset->config, e);
}

static int open_plain(struct bench *b, struct err *e)
{
    return open_generation(b, false, e);
}

static int open_guided(struct bench *b, struct err *e)
{
    return open_generation(b, true, e);
}

/* ---- stages ---- */

/* From one condition to all tokens of n sequences, which stay in their slots. */
static int decode(struct generation *g, struct err *e)
{
    for (int i = 0; i < g->n; i++) {
        g->settings.seed = (uint64_t)i;
        if (gen_admit(g->gen, g->condition, NULL, &g->settings, &g->slots[i], e))
            return -1;
    }
    while (gen_live(g->gen))
        if (gen_step(g->gen, e))
            return -1;
    return 0;
}

static void drop(struct generation *g)
{
    for (int i = 0; i < g->n; i++)
        gen_drop(g->gen, g->slots[i]);
}

/* One candidate's pixels. */
static int show(struct bench *b, int candidate, struct image *ret_img, struct err *e)
{
    int64_t start = clock_ns();
    int failed = gen_image(b->generation->gen, b->generation->slots[candidate], ret_img, e);
    bench_lap(b, STAGE_VQGAN, start);
    return failed;
}

/* How well a candidate fits the prompt. */
static int score(struct bench *b, const struct image *img, float *ret_score, struct err *e)
{
    struct generation *g = b->generation;
    int64_t start = clock_ns();
    int failed = gen_embed_image(g->gen, img, g->candidate, e);
    *ret_score = rank_cosine(g->embed, g->candidate, b->preset->config.clip.embed_dim);
    bench_lap(b, STAGE_RANK, start);
    return failed;
}

/* ---- runs ---- */

static int run_decode(struct bench *b, struct err *e)
{
    int failed = decode(b->generation, e);
    drop(b->generation);
    return failed;
}

static int run_vqgan_decode(struct bench *b, struct err *e)
{
    struct image img;
    if (gen_decode(b->generation->gen, b->generation->tokens, &img, e))
        return -1;
    image_release(&img);
    return 0;
}

static int run_clip_text(struct bench *b, struct err *e)
{
    struct generation *g = b->generation;
    return gen_embed_text(g->gen, g->ids, g->end, g->embed, e);
}

static int run_clip_image(struct bench *b, struct err *e)
{
    struct generation *g = b->generation;
    return gen_embed_image(g->gen, &g->picture, g->candidate, e);
}

static int run_candidates(struct bench *b, float *ret_scores, struct err *e)
{
    int64_t start = clock_ns();
    if (run_clip_text(b, e))
        return -1;
    bench_lap(b, STAGE_EMBED, start);
    start = clock_ns();
    if (decode(b->generation, e))
        return -1;
    bench_lap(b, STAGE_DECODE, start);
    for (int i = 0; i < b->part->n; i++) {
        struct image img;
        if (show(b, i, &img, e))
            return -1;
        int failed = score(b, &img, &ret_scores[i], e);
        image_release(&img);
        if (failed)
            return -1;
    }
    return 0;
}

static int run_text_to_best(struct bench *b, struct err *e)
{
    float scores[GEN_ROWS_MAX];
    int order[GEN_ROWS_MAX];
    int failed = run_candidates(b, scores, e);
    if (!failed)
        rank_order(scores, b->part->n, order);
    drop(b->generation);
    return failed;
}

/* ---- work ---- */

static void decode_work(const struct bench *b, struct work *ret_work)
{
    *ret_work = work_decode(&b->preset->config.gpt, b->part->n, BITS[b->part->format], CACHE_SIZE);
}

static void vqgan_decode_work(const struct bench *b, struct work *ret_work)
{
    *ret_work = work_vqgan_decode(&b->preset->config.vqgan);
}

static void clip_text_work(const struct bench *b, struct work *ret_work)
{
    *ret_work = work_clip_text(&b->preset->config.clip);
}

static void clip_image_work(const struct bench *b, struct work *ret_work)
{
    *ret_work = work_clip_image(&b->preset->config.clip);
}

static void text_to_best_work(const struct bench *b, struct work *ret_work)
{
    const struct bundle_config *c = &b->preset->config;
    struct gen_settings s = settings(b, true);
    ret_work[STAGE_EMBED] = work_clip_text(&c->clip);
    ret_work[STAGE_DECODE] =
        work_decode(&c->gpt, b->part->n * gen_rows_needed(&s), BITS[b->part->format], CACHE_SIZE);
    ret_work[STAGE_VQGAN] = work_times(work_vqgan_decode(&c->vqgan), b->part->n);
    ret_work[STAGE_RANK] = work_times(work_clip_image(&c->clip), b->part->n);
}

const struct part_kind PART_DECODE = {
    .open = open_plain, .run = run_decode, .close = close_generation, .work = decode_work
};
const struct part_kind PART_VQGAN_DECODE = { .open = open_plain,
                                             .run = run_vqgan_decode,
                                             .close = close_generation,
                                             .work = vqgan_decode_work };
const struct part_kind PART_CLIP_TEXT = {
    .open = open_plain, .run = run_clip_text, .close = close_generation, .work = clip_text_work
};
const struct part_kind PART_CLIP_IMAGE = {
    .open = open_plain, .run = run_clip_image, .close = close_generation, .work = clip_image_work
};
const struct part_kind PART_TEXT_TO_BEST = {
    .stage = { "embed", "decode", "vqgan", "rank" },
    .open = open_guided,
    .run = run_text_to_best,
    .close = close_generation,
    .work = text_to_best_work,
};
