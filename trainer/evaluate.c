#include "trainer/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/png.h"
#include "model/rank.h"
#include "trainer/caption.h"
#include "trainer/draw.h"
#include "trainer/judge.h"
#include "trainer/metrics.h"
#include "trainer/pixels.h"
#include "trainer/preview.h"
#include "trainer/sheet.h"
#include "trainer/workspace.h"

#define PSNR_BATCH 16
#define PSNR_BATCHES 32
#define SHEET_PICTURES 80
#define SHEET_COLUMNS 10

struct asked {
    int object, background;
    char *prompt;
};

struct evaluation {
    const struct stage *stage;
    struct dataset *ds;
    struct bundle *bundle;
    struct gen *gen;
    struct judge *judge;
    int n;
    struct asked *asked; /* [n] */
    struct image *drawn; /* [n] */
    float *texts;        /* [n_texts(), E] unit text embeddings that CLIP chooses from */
    const struct batch *batch;
    uint8_t *rebuilt;      /* [PSNR_BATCH, side, side, 3] */
    struct metrics result; /* fractions and dB */
};

/* Objects on named colours; a folder's pictures are neither. */
static bool is_composed(const struct evaluation *v)
{
    return v->ds->kind == DATASET_EMOJI;
}

/* ---- prompts ---- */

/* A fresh order for every round, so that every object is asked for once before one comes twice. */
static void shuffle(int *objects, int n, struct rng *r)
{
    for (int i = n - 1; i > 0; i--) {
        int j = (int)rng_below(r, (uint32_t)i + 1), kept = objects[i];
        objects[i] = objects[j];
        objects[j] = kept;
    }
}

static int ask(struct evaluation *v, int i, int object, enum split split, struct rng *r,
               struct err *e)
{
    struct scene_options o = stage_scene_options(v->stage->config);
    struct scene scene;
    struct buf text;
    buf_init(&text, CAPTION_MAX);
    scene_draw(v->ds, object, split, &o, r, &scene);
    caption_prompt(v->ds, object, scene.background, &text);
    if (buf_check(&text, e)) {
        buf_release(&text);
        return -1;
    }
    v->asked[i] = (struct asked){ object, scene.background, buf_take(&text, NULL) };
    return 0;
}

static int choose_prompts(struct evaluation *v, struct err *e)
{
    struct scene_options o = stage_scene_options(v->stage->config);
    struct rng r = { (uint64_t)v->stage->config->eval_seed, 300, 0 };
    enum split split = stage_test_split(v->stage, v->ds);
    int *objects, n_objects, failed = 0;
    if (scene_objects(v->ds, split, &o, &objects, &n_objects, e))
        return -1;
    for (int i = 0; i < v->n && !failed; i++) {
        if (i % n_objects == 0)
            shuffle(objects, n_objects, &r);
        failed = ask(v, i, objects[i % n_objects], split, &r, e);
    }
    mem_free(objects);
    return failed;
}

static int draw_all(struct evaluation *v, struct err *e)
{
    char **prompts = mem_alloc((size_t)v->n, sizeof *prompts);
    if (!prompts)
        return err_set(e, ERR_NOMEM, "no memory for %d prompts", v->n);
    for (int i = 0; i < v->n; i++)
        prompts[i] = v->asked[i].prompt;
    log_info("eval: draws %d pictures", v->n);
    int failed = draw_prompts(v->bundle, v->gen, prompts, v->n,
                              (uint64_t)v->stage->config->eval_seed, v->drawn, e);
    mem_free(prompts);
    return failed;
}

/* ---- judges ---- */

static void measure_background(struct evaluation *v)
{
    int right = 0;
    for (int i = 0; i < v->n; i++)
        right += judge_background(&v->drawn[i]) == v->asked[i].background;
    metrics_set(&v->result, "background", (double)right / v->n);
}

static int measure_pixels(struct evaluation *v, struct err *e)
{
    int top1 = 0, top10 = 0;
    /* by colour, since the judge draws all objects anew for another one */
    for (int b = 0; b < DATASET_BACKGROUNDS; b++)
        for (int i = 0; i < v->n; i++) {
            if (v->asked[i].background != b)
                continue;
            int rank = judge_object_rank(v->judge, &v->drawn[i], v->asked[i].object, b, e);
            if (rank < 0)
                return -1;
            top1 += rank < 1;
            top10 += rank < 10;
        }
    metrics_set(&v->result, "pixel_top1", (double)top1 / v->n);
    metrics_set(&v->result, "pixel_top10", (double)top10 / v->n);
    return 0;
}

/* What CLIP chooses from: the names of all objects; a folder's: the captions asked for. */
static int n_texts(const struct evaluation *v)
{
    return is_composed(v) ? v->ds->n : v->n;
}

static const char *text_of(const struct evaluation *v, int i)
{
    return is_composed(v) ? v->ds->item[i].name : v->asked[i].prompt;
}

static int own_text(const struct evaluation *v, int i)
{
    return is_composed(v) ? v->asked[i].object : i;
}

static float *embedding(const struct evaluation *v, int text)
{
    return v->texts + (size_t)text * (size_t)v->bundle->config.clip.embed_dim;
}

static int embed_texts(struct evaluation *v, struct err *e)
{
    int context = v->bundle->config.clip.text.context, n = n_texts(v), failed = 0;
    int32_t *ids = mem_alloc((size_t)context, sizeof *ids);
    v->texts = mem_alloc((size_t)n * (size_t)v->bundle->config.clip.embed_dim, sizeof *v->texts);
    if (!ids || !v->texts)
        failed = err_set(e, ERR_NOMEM, "no memory for %d names", n);
    for (int i = 0; i < n && !failed; i++) {
        const char *text = text_of(v, i);
        struct tokenizer_result r;
        failed = tokenizer_encode(v->bundle->tokenizer, text, strlen(text), context, ids, &r, e) ||
                 gen_embed_text(v->gen, ids, r.end, embedding(v, i), e);
    }
    mem_free(ids);
    return failed;
}

/* Texts nearer to the picture than its own. */
static int text_rank(const struct evaluation *v, const float *embed, int own)
{
    int width = v->bundle->config.clip.embed_dim, rank = 0;
    float score = rank_cosine(embed, embedding(v, own), width);
    for (int i = 0; i < n_texts(v); i++)
        rank += i != own && rank_cosine(embed, embedding(v, i), width) > score;
    return rank;
}

static int measure_clip(struct evaluation *v, struct err *e)
{
    float *embed = mem_alloc((size_t)v->bundle->config.clip.embed_dim, sizeof *embed);
    int top1 = 0, top5 = 0;
    int failed = !embed ? err_set(e, ERR_NOMEM, "no memory for an embedding") : embed_texts(v, e);
    for (int i = 0; i < v->n && !failed; i++) {
        failed = gen_embed_image(v->gen, &v->drawn[i], embed, e);
        int rank = failed ? 0 : text_rank(v, embed, own_text(v, i));
        top1 += rank < 1;
        top5 += rank < 5;
    }
    mem_free(embed);
    metrics_set(&v->result, "clip_top1", (double)top1 / v->n);
    metrics_set(&v->result, "clip_top5", (double)top5 / v->n);
    return failed;
}

/* ---- reconstruction ---- */

static void rebuild(void *self, struct pass *p)
{
    struct evaluation *v = self;
    int64_t side = v->stage->config->side;
    struct tensor *ids;
    struct tensor *u8 = pass_upload(p, DTYPE_U8, 4, (int64_t[]){ PSNR_BATCH, side, side, 3 },
                                    v->batch ? v->batch->pixels : NULL);
    struct tensor *z = vqgan_encode(p, v->bundle->vqgan, pixels_for_vqgan(p, u8));
    struct tensor *q = vqgan_quantize(p, v->bundle->vqgan, z, &ids, NULL);
    struct tensor *out = op_pixels_out(p, vqgan_decode(p, v->bundle->vqgan, q));
    workspace_read(p, out, v->rebuilt, PSNR_BATCH * (size_t)(side * side) * 3);
}

static int measure_psnr(struct evaluation *v, struct err *e)
{
    struct workspace w = { 0 };
    struct loader *loader = NULL;
    workspace_graph *graphs[] = { rebuild };
    double sum = 0;
    int side = (int)v->stage->config->side;
    v->rebuilt = mem_alloc(PSNR_BATCH * (size_t)side, (size_t)side * 3);
    int failed = !v->rebuilt
                     ? err_set(e, ERR_NOMEM, "no memory for %d pictures", PSNR_BATCH)
                     : workspace_init(&w, v->stage->dev, v, graphs, 1, e) ||
                           stage_open_loader(v->stage, v->ds, NULL, PSNR_BATCH, 0, 6,
                                             stage_test_split(v->stage, v->ds), 0, &loader, e);
    for (int i = 0; i < PSNR_BATCHES && !failed; i++) {
        failed = loader_next(loader, &v->batch, e) || workspace_run(&w, v, rebuild, false, 0, e);
        sum += failed ? 0 : preview_psnr(v->batch->pixels, v->rebuilt, PSNR_BATCH, side);
    }
    metrics_set(&v->result, "psnr", sum / PSNR_BATCHES);
    loader_free(loader);
    workspace_release(&w);
    return failed;
}

/* ---- results ---- */

static int write_sheet(struct evaluation *v, const char *path, struct err *e)
{
    char *words[SHEET_PICTURES];
    struct image sheet;
    int n = v->n < SHEET_PICTURES ? v->n : SHEET_PICTURES;
    for (int i = 0; i < n; i++)
        words[i] = v->asked[i].prompt;
    if (sheet_make(v->drawn, words, n, SHEET_COLUMNS, &sheet, e))
        return -1;
    int failed = png_write(&sheet, path, e);
    image_release(&sheet);
    return failed;
}

static int write_result(struct evaluation *v, const char *path, struct err *e)
{
    struct buf text;
    buf_init(&text, 65536);
    buf_printf(&text, "{\n  \"prompts\": %d", v->n);
    for (int i = 0; i < v->result.n; i++) {
        buf_printf(&text, ",\n  \"%s\": %.4f", v->result.item[i].name, v->result.item[i].value);
        log_info("eval: %-12s %.4f", v->result.item[i].name, v->result.item[i].value);
    }
    buf_puts(&text, "\n}\n");
    int failed = buf_check(&text, e) || file_write(path, text.data, text.len, e);
    buf_release(&text);
    return failed ? -1 : 0;
}

static int write_all(struct evaluation *v, struct err *e)
{
    char path[4200];
    const char *dir = v->stage->config->bundle_dir;
    snprintf(path, sizeof path, "%s/sheet.png", dir);
    if (write_sheet(v, path, e))
        return -1;
    snprintf(path, sizeof path, "%s/eval.json", dir);
    return write_result(v, path, e);
}

/* ---- the stage ---- */

static int open_all(struct evaluation *v, struct err *e)
{
    v->asked = mem_alloc((size_t)v->n, sizeof *v->asked);
    v->drawn = mem_alloc((size_t)v->n, sizeof *v->drawn);
    if (!v->asked || !v->drawn)
        return err_set(e, ERR_NOMEM, "no memory for %d prompts", v->n);
    if (stage_open_dataset(v->stage, &v->ds, e))
        return -1;
    const struct config *c = v->stage->config;
    enum param_format weights = (enum param_format)c->eval_weights;
    if (bundle_open(c->bundle_dir, v->stage->dev, weights, &v->bundle, e))
        return -1;
    if (v->bundle->config.vqgan.resolution != v->stage->config->side)
        return err_set(e, ERR_INVALID,
                       "the bundle's pictures have %d pixels a side, the recipe's %lld",
                       v->bundle->config.vqgan.resolution, (long long)v->stage->config->side);
    return gen_new(v->bundle, 64, &v->gen, e) || judge_new(v->ds, &v->judge, e);
}

static void release(struct evaluation *v)
{
    for (int i = 0; v->asked && v->drawn && i < v->n; i++) {
        mem_free(v->asked[i].prompt);
        image_release(&v->drawn[i]);
    }
    mem_free(v->asked);
    mem_free(v->drawn);
    mem_free(v->texts);
    mem_free(v->rebuilt);
    judge_free(v->judge);
    gen_free(v->gen);
    bundle_close(v->bundle);
    dataset_close(v->ds);
}

static int measure(struct evaluation *v, struct err *e)
{
    if (measure_psnr(v, e) || choose_prompts(v, e) || draw_all(v, e))
        return -1;
    if (is_composed(v))
        measure_background(v);
    return measure_clip(v, e) || (is_composed(v) && measure_pixels(v, e)) || write_all(v, e);
}

int stage_eval(const struct stage *stage, bool *ret_done, struct err *e)
{
    struct evaluation v = { .stage = stage, .n = (int)stage->config->eval_prompts };
    int failed = open_all(&v, e) || measure(&v, e);
    release(&v);
    *ret_done = !failed;
    return failed ? err_prefix(e, "eval: ") : 0;
}
