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
    float *names;        /* [objects, E] unit text embeddings of the names */
    const struct batch *batch;
    uint8_t *rebuilt;      /* [PSNR_BATCH, side, side, 3] */
    struct metrics result; /* fractions and dB */
};

/* ---- prompts ---- */

/* Held-out combinations of object and colour, drawn at random, none twice in a row. */
static int choose_prompts(struct evaluation *v, struct err *e)
{
    struct scene_options o = stage_scene_options(v->stage->config);
    struct rng r = { (uint64_t)v->stage->config->eval_seed, 300, 0 };
    int *objects, n_objects;
    if (scene_objects(v->ds, SPLIT_HELD_OUT, &o, &objects, &n_objects, e))
        return -1;
    int failed = 0;
    for (int i = 0; i < v->n && !failed; i++) {
        struct scene scene;
        struct buf text;
        int object = objects[rng_below(&r, (uint32_t)n_objects)];
        scene_draw(v->ds, object, SPLIT_HELD_OUT, &o, &r, &scene);
        buf_init(&text, CAPTION_MAX);
        caption_prompt(v->ds, object, scene.background, &text);
        failed = buf_check(&text, e);
        v->asked[i] = (struct asked){ object, scene.background, buf_take(&text, NULL) };
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

static int embed_names(struct evaluation *v, struct err *e)
{
    int context = v->bundle->config.clip.text.context, width = v->bundle->config.clip.embed_dim;
    int32_t *ids = mem_alloc((size_t)context, sizeof *ids);
    v->names = mem_alloc((size_t)v->ds->n * (size_t)width, sizeof *v->names);
    int failed = !ids || !v->names ? err_set(e, ERR_NOMEM, "no memory for %d names", v->ds->n) : 0;
    for (int i = 0; i < v->ds->n && !failed; i++) {
        const char *name = v->ds->item[i].name;
        struct tokenizer_result r;
        failed = tokenizer_encode(v->bundle->tokenizer, name, strlen(name), context, ids, &r, e) ||
                 gen_embed_text(v->gen, ids, r.end, v->names + (size_t)i * (size_t)width, e);
    }
    mem_free(ids);
    return failed;
}

static int name_rank(const struct evaluation *v, const float *embed, int object)
{
    int width = v->bundle->config.clip.embed_dim, rank = 0;
    float own = rank_cosine(embed, v->names + (size_t)object * (size_t)width, width);
    for (int i = 0; i < v->ds->n; i++)
        rank +=
            i != object && rank_cosine(embed, v->names + (size_t)i * (size_t)width, width) > own;
    return rank;
}

static int measure_clip(struct evaluation *v, struct err *e)
{
    float *embed = mem_alloc((size_t)v->bundle->config.clip.embed_dim, sizeof *embed);
    int top1 = 0, top5 = 0,
        failed = !embed ? err_set(e, ERR_NOMEM, "no memory") : embed_names(v, e);
    for (int i = 0; i < v->n && !failed; i++) {
        failed = gen_embed_image(v->gen, &v->drawn[i], embed, e);
        int rank = failed ? 0 : name_rank(v, embed, v->asked[i].object);
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
    int failed = !v->rebuilt ? err_set(e, ERR_NOMEM, "no memory")
                             : workspace_init(&w, v->stage->dev, v, graphs, 1, e) ||
                                   stage_open_loader(v->stage, v->ds, NULL, PSNR_BATCH, 0, 6,
                                                     SPLIT_HELD_OUT, 0, &loader, e);
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
    struct image sheet;
    int n = v->n < SHEET_PICTURES ? v->n : SHEET_PICTURES;
    if (image_grid(v->drawn, n, SHEET_COLUMNS, 2, &sheet, e))
        return -1;
    int failed = png_write(&sheet, path, e);
    image_release(&sheet);
    for (int i = 0; i < n; i++)
        printf("%s%s", v->asked[i].prompt, (i + 1) % SHEET_COLUMNS && i + 1 < n ? " | " : "\n");
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
    if (v->ds->kind != DATASET_EMOJI)
        return err_set(
            e, ERR_UNSUPPORTED,
            "eval: asks for named objects on named colours, which only the emoji set has");
    if (bundle_open(v->stage->config->bundle_dir, v->stage->dev, &v->bundle, e))
        return -1;
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
    mem_free(v->names);
    mem_free(v->rebuilt);
    judge_free(v->judge);
    gen_free(v->gen);
    bundle_close(v->bundle);
    dataset_close(v->ds);
}

int stage_eval(const struct stage *stage, bool *ret_done, struct err *e)
{
    struct evaluation v = { .stage = stage, .n = (int)stage->config->eval_prompts };
    int failed = open_all(&v, e) || measure_psnr(&v, e) || choose_prompts(&v, e) || draw_all(&v, e);
    if (!failed) {
        measure_background(&v);
        failed = measure_clip(&v, e) || measure_pixels(&v, e) || write_all(&v, e);
    }
    release(&v);
    *ret_done = !failed;
    return failed ? -1 : 0;
}
