#include "trainer/step_gpt.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/bundle.h"
#include "trainer/caption.h"
#include "trainer/draw.h"
#include "trainer/gap.h"
#include "trainer/look.h"
#include "trainer/run.h"
#include "trainer/schedule.h"
#include "trainer/sheet.h"
#include "trainer/workspace.h"

#define GAP_PICTURES 4096
#define PREVIEW_PROMPTS 32
#define HELD_OUT_BATCHES 8

struct step_gpt {
    const struct stage *stage;
    const struct config *config;
    const struct config_training *training;
    struct dataset *ds;
    struct loader *loader;
    struct bundle *bundle; /* frozen CLIP, VQGAN and condition; its gpt is a copy for previews */
    struct gpt gpt;        /* the one that learns */
    struct param_list params;
    struct optim optim;
    struct look *look;
    struct workspace work;
    struct gen *gen;
    /* of the step that runs */
    const int32_t *tokens; /* [B, T] */
    const float *features; /* [B, E] of CLIP, raw */
    int32_t *dropped;      /* [B] 1: this picture goes without condition */
    int64_t step;
    double rate;
    float loss, norm;
    double flops;
};

static struct tensor *condition(struct step_gpt *s, struct pass *p, const struct tensor *raw)
{
    float noise = p->training ? (float)s->config->gpt_noise : 0;
    struct tensor *cond = condition_from_image(p, &s->bundle->condition, raw, noise);
    if (!s->gpt.config.null_cond)
        return cond;
    struct tensor *mask = pass_upload(p, DTYPE_I32, 1, &s->training->batch, s->dropped);
    return gpt_drop_cond(p, &s->gpt, cond, mask);
}

/* Mean cross entropy of a token, over the batch that was looked at. */
static struct tensor *loss(struct step_gpt *s, struct pass *p)
{
    int64_t B = s->training->batch, T = s->gpt.config.tokens, V = s->gpt.config.vocab;
    int64_t E = s->gpt.config.cond_dim;
    struct tensor *tokens = pass_upload(p, DTYPE_I32, 2, (int64_t[]){ B, T }, s->tokens);
    struct tensor *raw = pass_upload(p, DTYPE_F32, 2, (int64_t[]){ B, E }, s->features);
    struct tensor *before = op_slice(p, tokens, 1, 0, T - 1);
    struct tensor *logits = gpt_forward(p, &s->gpt, condition(s, p, raw), before, NULL);
    return op_cross_entropy(p, op_reshape(p, logits, 2, (int64_t[]){ -1, V }),
                            op_reshape(p, tokens, 1, (int64_t[]){ -1 }));
}

static void graph(void *self, struct pass *p)
{
    struct step_gpt *s = self;
    struct tensor *l = loss(s, p);
    tape_seed(p, l, 1);
    tape_backward(p, 0, tape_mark(p->tape));
    struct tensor *norm = optim_step(&s->optim, p, s->step, (float)s->rate);
    s->loss = workspace_scalar(p, l);
    s->norm = workspace_scalar(p, norm);
    s->flops += p->flops;
}

/* ---- pictures that are kept for tests ---- */

static void held_out_graph(void *self, struct pass *p)
{
    struct step_gpt *s = self;
    s->loss = workspace_scalar(p, loss(s, p));
}

static int look_at_next(struct step_gpt *s, struct loader *l, struct rng *r, struct err *e)
{
    const struct batch *batch;
    return loader_next(l, &batch, e) ||
           look_at(s->look, batch, r, &s->tokens, &s->features, &s->flops, e);
}

static int measure_batches(struct step_gpt *s, struct loader *l, double *ret_loss, struct err *e)
{
    double sum = 0;
    for (int i = 0; i < HELD_OUT_BATCHES; i++) {
        if (look_at_next(s, l, NULL, e) || workspace_run(&s->work, s, held_out_graph, false, 0, e))
            return -1;
        sum += s->loss;
    }
    *ret_loss = sum / HELD_OUT_BATCHES;
    return 0;
}

/* The same plain pictures every time, all with their condition, which has no noise; averaged
 * weights. */
static int measure_held_out(struct step_gpt *s, double *ret_loss, struct err *e)
{
    struct loader *l;
    struct loader_options o = stage_loader_options(s->config, NULL, s->training->batch, 0, 7,
                                                   stage_test_split(s->stage, s->ds));
    o.plain_from = 1;
    memset(s->dropped, 0, (size_t)s->training->batch * sizeof *s->dropped);
    if (loader_new(s->ds, &o, 1, &l, e))
        return -1;
    optim_swap_average(&s->optim);
    int failed = measure_batches(s, l, ret_loss, e);
    optim_swap_average(&s->optim);
    loader_free(l);
    return failed;
}

/* ---- the task ---- */

static void draw_dropped(struct step_gpt *s)
{
    struct rng r = { (uint64_t)s->config->seed, 200, (uint64_t)s->step << 16 };
    for (int64_t b = 0; b < s->training->batch; b++)
        s->dropped[b] = rng_uniform(&r) < (float)s->config->gpt_null;
}

static int step(void *self, int64_t step, struct metrics *m, double *ret_flops, struct err *e)
{
    struct step_gpt *s = self;
    const struct config_training *t = s->training;
    struct rng r = { (uint64_t)s->config->seed, 201, (uint64_t)step << 32 };
    double held_out;
    s->step = step;
    s->rate = schedule_rate(step, t->steps, t->warmup, t->rate, t->rate_end);
    draw_dropped(s);
    if (look_at_next(s, s->loader, &r, e) || param_list_zero_grads(&s->params, e) ||
        workspace_run(&s->work, s, graph, true, (uint64_t)step, e))
        return -1;
    metrics_set(m, "loss", s->loss);
    metrics_set(m, "grad_norm", s->norm);
    metrics_set(m, "rate", s->rate);
    *ret_flops = s->flops;
    if (!run_preview_due(t, step + 1))
        return 0;
    if (measure_held_out(s, &held_out, e))
        return err_prefix(e, "held-out pictures: ");
    metrics_set(m, "held_out", held_out);
    return 0;
}

static int save(void *self, struct weights_out *out, struct err *e)
{
    const struct step_gpt *s = self;
    return optim_save(&s->optim, "gpt.", out, e) ||
           weights_out_add_params(out, "condition.", &s->bundle->condition_params, W_F32, e);
}

static int load(void *self, const struct weights *w, struct err *e)
{
    struct step_gpt *s = self;
    return optim_load(&s->optim, "gpt.", w, e) ||
           weights_load_params(w, "condition.", &s->bundle->condition_params, NULL, e);
}

static int begin(void *self, int64_t step, struct err *e)
{
    struct step_gpt *s = self;
    double gap;
    if (step == 0) {
        if (gap_measure(s->stage, s->ds, s->bundle->tokenizer, s->bundle, GAP_PICTURES, &gap, e))
            return -1;
        log_info("gpt: modality gap %.3f between mean image and mean text embedding", gap);
    }
    struct loader_options o =
        stage_loader_options(s->config, NULL, s->training->batch, 0, 5, SPLIT_TRAIN);
    if (s->config->gpt_plain > 0)
        o.plain_from = (int64_t)((1 - s->config->gpt_plain) * (double)s->training->steps) + 1;
    return loader_new(s->ds, &o, step, &s->loader, e);
}

/* ---- preview: pictures for prompts, with the averaged weights ---- */

static int copy_weights(struct step_gpt *s, struct err *e)
{
    for (int i = 0; i < s->params.n; i++)
        if (device_copy(s->stage->dev, &s->bundle->gpt_params.item[i]->value,
                        &s->params.item[i]->value, e))
            return -1;
    return 0;
}

/* The same prompts every time: objects spread over the set, colours in turn. */
static int preview_prompts(const struct step_gpt *s, char **ret_prompts, struct err *e)
{
    for (int i = 0; i < PREVIEW_PROMPTS; i++) {
        struct buf text;
        int background = s->ds->kind == DATASET_EMOJI ? (i * 5) % DATASET_BACKGROUNDS : -1;
        buf_init(&text, CAPTION_MAX);
        caption_prompt(s->ds, (int)((int64_t)i * s->ds->n / PREVIEW_PROMPTS), background, &text);
        if (buf_check(&text, e)) {
            buf_release(&text);
            return -1;
        }
        ret_prompts[i] = buf_take(&text, NULL);
    }
    return 0;
}

static int preview(void *self, struct image *ret_img, struct err *e)
{
    struct step_gpt *s = self;
    char *prompts[PREVIEW_PROMPTS] = { 0 };
    struct image imgs[PREVIEW_PROMPTS];
    optim_swap_average(&s->optim);
    int failed = copy_weights(s, e);
    optim_swap_average(&s->optim);
    failed = failed || preview_prompts(s, prompts, e) ||
             draw_prompts(s->bundle, s->gen, prompts, PREVIEW_PROMPTS, 0, imgs, e);
    if (!failed) {
        failed = sheet_make(imgs, prompts, PREVIEW_PROMPTS, 8, ret_img, e);
        for (int i = 0; i < PREVIEW_PROMPTS; i++)
            image_release(&imgs[i]);
    }
    for (int i = 0; i < PREVIEW_PROMPTS; i++)
        mem_free(prompts[i]);
    return failed ? -1 : 0;
}

/* ---- opening ---- */

static void release(struct step_gpt *s)
{
    loader_free(s->loader);
    gen_free(s->gen);
    workspace_release(&s->work);
    look_free(s->look);
    optim_release(&s->optim);
    gpt_release(&s->gpt);
    param_list_release(&s->params);
    bundle_close(s->bundle);
    dataset_close(s->ds);
    mem_free(s->dropped);
}

static int open_networks(struct step_gpt *s, struct err *e)
{
    struct device *dev = s->stage->dev;
    struct optim_settings settings = stage_optim(s->training, 0.9f, 0.95f);
    if (gpt_init(&s->gpt, &s->bundle->config.gpt, &s->params, e) ||
        param_list_alloc(&s->params, dev, true, e) ||
        stage_first_weights(s->stage, "gpt", 3, &s->params, e))
        return -1;
    return optim_init(&s->optim, &settings, &s->params, dev, e);
}

static int open_all(struct step_gpt *s, struct err *e)
{
    workspace_graph *graphs[] = { graph, held_out_graph };
    s->dropped = mem_alloc((size_t)s->training->batch, sizeof *s->dropped);
    if (!s->dropped)
        return err_set(e, ERR_NOMEM, "no memory for a batch");
    if (stage_open_dataset(s->stage, &s->ds, e) || stage_open_frozen(s->stage, &s->bundle, e) ||
        open_networks(s, e) ||
        look_new(s->bundle, s->ds, (int)s->config->side, (int)s->training->batch,
                 (float)s->config->gpt_codes, &s->look, e) ||
        workspace_init(&s->work, s->stage->dev, s, graphs, 2, e))
        return -1;
    return gen_new(s->bundle, 64, &s->gen, e);
}

int stage_gpt(const struct stage *stage, bool *ret_done, struct err *e)
{
    struct step_gpt s = { .stage = stage,
                          .config = stage->config,
                          .training = &stage->config->gpt };
    param_list_init(&s.params);
    struct task task = { "gpt", s.training, &s, step, save, load, preview, begin };
    int failed = open_all(&s, e) || run_task(stage->config, &task, stage->stop, ret_done, e);
    release(&s);
    return failed ? -1 : 0;
}
