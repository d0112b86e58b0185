#include "trainer/step_clip.h"

#include <math.h>

#include "base/mem.h"
#include "model/clip.h"
#include "trainer/pixels.h"
#include "trainer/run.h"
#include "trainer/schedule.h"
#include "trainer/workspace.h"

struct step_clip {
    const struct stage *stage;
    const struct config_training *training;
    struct bundle_config networks;
    struct dataset *ds;
    struct tokenizer *tok;
    struct loader *loader;
    struct clip clip;
    struct param_list params;
    struct vqgan *vqgan; /* frozen; only where CLIP sees rebuilt pictures */
    struct param_list vqgan_params;
    int64_t n_rebuilt; /* of every batch, the first ones; the order of a batch is random */
    struct optim optim;
    struct workspace work;
    /* of the step that runs */
    const struct batch *batch;
    int32_t *end_rows; /* [B] */
    float *logits;     /* [B, B] */
    int64_t step;
    double rate;
    float loss, norm;
    double flops;
};

static struct tensor *upload(struct step_clip *s, struct pass *p, int64_t first, int64_t n)
{
    int64_t side = s->stage->config->side;
    return pass_upload(p, DTYPE_U8, 4, (int64_t[]){ n, side, side, 3 },
                       s->batch ? s->batch->pixels + first * side * side * 3 : NULL);
}

/* Pictures as they come back from their tokens. No tape. */
static struct tensor *rebuild(struct step_clip *s, struct pass *p, const struct tensor *u8)
{
    struct tape *tape = p->tape;
    struct tensor *ids;
    p->tape = NULL;
    struct tensor *z = vqgan_encode(p, s->vqgan, pixels_for_vqgan(p, u8));
    struct tensor *q = vqgan_quantize(p, s->vqgan, z, &ids, NULL);
    struct tensor *rebuilt = op_pixels_out(p, vqgan_decode(p, s->vqgan, q));
    p->tape = tape;
    return rebuilt;
}

static struct tensor *pictures(struct step_clip *s, struct pass *p)
{
    const struct clip_config *c = &s->clip.config;
    int64_t n = s->n_rebuilt;
    struct tensor *plain = pixels_for_clip(p, c, upload(s, p, n, s->training->batch - n));
    if (n == 0)
        return plain;
    return op_concat(p, pixels_for_clip(p, c, rebuild(s, p, upload(s, p, 0, n))), plain, 0);
}

static struct tensor *image_side(struct step_clip *s, struct pass *p)
{
    return op_l2norm(p, clip_image(p, &s->clip, pictures(s, p)), CLIP_NORM_EPS);
}

static struct tensor *text_side(struct step_clip *s, struct pass *p)
{
    int64_t b = s->training->batch, context = s->clip.config.text.context;
    struct tensor *ids =
        pass_upload(p, DTYPE_I32, 2, (int64_t[]){ b, context }, s->batch ? s->batch->ids : NULL);
    struct tensor *rows = pass_upload(p, DTYPE_I32, 1, &b, s->end_rows);
    return op_l2norm(p, clip_text(p, &s->clip, ids, rows), CLIP_NORM_EPS);
}

/* One step from pixels and ids to new weights. */
static void graph(void *self, struct pass *p)
{
    struct step_clip *s = self;
    struct tensor *image = image_side(s, p);
    struct tensor *text = text_side(s, p);
    struct tensor *logits = clip_logits(p, &s->clip, image, text);
    struct tensor *loss = op_contrastive(p, logits);
    tape_seed(p, loss, 1);
    tape_backward(p, 0, tape_mark(p->tape));
    struct tensor *norm = optim_step(&s->optim, p, s->step, (float)s->rate);
    s->loss = workspace_scalar(p, loss);
    s->norm = workspace_scalar(p, norm);
    workspace_read(p, logits, s->logits,
                   sizeof(float) * (size_t)(s->training->batch * s->training->batch));
    s->flops = p->flops;
}

/* Fraction of pictures whose own caption is the nearest of the batch. */
static double top1(const struct step_clip *s)
{
    int64_t b = s->training->batch, right = 0;
    for (int64_t i = 0; i < b; i++) {
        const float *row = s->logits + i * b;
        int64_t best = 0;
        for (int64_t j = 1; j < b; j++)
            best = row[j] > row[best] ? j : best;
        right += best == i;
    }
    return (double)right / (double)b;
}

/* OpenAI's bound: a scale of at most 100 keeps the softmax from freezing (arXiv 2103.00020, 2.5).
 */
static int limit_scale(struct step_clip *s, float *ret_scale, struct err *e)
{
    struct tensor *t = s->clip.logit_scale;
    const float most = logf(100);
    if (device_download(s->stage->dev, t, 0, ret_scale, sizeof *ret_scale, e))
        return -1;
    if (*ret_scale <= most)
        return 0;
    *ret_scale = most;
    return device_upload(s->stage->dev, t, 0, &most, sizeof most, e);
}

static int step(void *self, int64_t step, struct metrics *m, double *ret_flops, struct err *e)
{
    struct step_clip *s = self;
    const struct config_training *t = s->training;
    float scale;
    if (loader_next(s->loader, &s->batch, e))
        return -1;
    for (int64_t b = 0; b < t->batch; b++)
        s->end_rows[b] = (int32_t)b * s->clip.config.text.context + s->batch->end[b];
    s->step = step;
    s->rate = schedule_rate(step, t->steps, t->warmup, t->rate, t->rate_end);
    if (param_list_zero_grads(&s->params, e) ||
        workspace_run(&s->work, s, graph, true, (uint64_t)step, e) || limit_scale(s, &scale, e))
        return -1;
    metrics_set(m, "loss", s->loss);
    metrics_set(m, "top1", top1(s));
    metrics_set(m, "logit_scale", exp(scale));
    metrics_set(m, "grad_norm", s->norm);
    metrics_set(m, "rate", s->rate);
    *ret_flops = s->flops;
    return 0;
}

static int save(void *self, struct weights_out *out, struct err *e)
{
    return optim_save(&((struct step_clip *)self)->optim, "clip.", out, e);
}

static int load(void *self, const struct weights *w, struct err *e)
{
    return optim_load(&((struct step_clip *)self)->optim, "clip.", w, e);
}

static int begin(void *self, int64_t step, struct err *e)
{
    struct step_clip *s = self;
    struct loader_options o = stage_loader_options(s->stage->config, s->tok, s->training->batch,
                                                   s->clip.config.text.context, 1, SPLIT_TRAIN);
    o.alike = s->stage->config->clip_alike;
    return loader_new(s->ds, &o, step, &s->loader, e);
}

static void release(struct step_clip *s)
{
    loader_free(s->loader);
    workspace_release(&s->work);
    optim_release(&s->optim);
    clip_release(&s->clip);
    param_list_release(&s->params);
    vqgan_free(s->vqgan);
    param_list_release(&s->vqgan_params);
    tokenizer_close(s->tok);
    dataset_close(s->ds);
    mem_free(s->end_rows);
    mem_free(s->logits);
}

static int open_host(struct step_clip *s, struct err *e)
{
    size_t b = (size_t)s->training->batch;
    if (stage_open_dataset(s->stage, &s->ds, e) ||
        stage_open_networks(s->stage, &s->networks, &s->tok, e))
        return -1;
    s->end_rows = mem_alloc(b, sizeof *s->end_rows);
    s->logits = mem_alloc(b * b, sizeof *s->logits);
    if (!s->end_rows || !s->logits)
        return err_set(e, ERR_NOMEM, "no memory for batches of %zu", b);
    return 0;
}

static int open_vqgan(struct step_clip *s, struct err *e)
{
    if (s->n_rebuilt == 0)
        return 0;
    return vqgan_new(&s->networks.vqgan, &s->vqgan_params, &s->vqgan, e) ||
           param_list_alloc(&s->vqgan_params, s->stage->dev, false, e) ||
           stage_load_result(s->stage, "vqgan", &s->vqgan_params, e);
}

static int open_device(struct step_clip *s, struct err *e)
{
    struct device *dev = s->stage->dev;
    struct optim_settings settings = stage_optim(s->training, 0.9f, 0.98f);
    workspace_graph *graphs[] = { graph };
    if (open_vqgan(s, e) || clip_init(&s->clip, &s->networks.clip, &s->params, e) ||
        param_list_alloc(&s->params, dev, true, e) ||
        stage_first_weights(s->stage, "clip", 0, &s->params, e) ||
        optim_init(&s->optim, &settings, &s->params, dev, e))
        return -1;
    return workspace_init(&s->work, dev, s, graphs, 1, e);
}

int stage_clip(const struct stage *stage, bool *ret_done, struct err *e)
{
    const struct config *c = stage->config;
    struct step_clip s = { .stage = stage,
                           .training = &c->clip,
                           .n_rebuilt = (int64_t)(c->clip_rebuilt * (double)c->clip.batch) };
    param_list_init(&s.params);
    param_list_init(&s.vqgan_params);
    struct task task = { "clip", s.training, &s, step, save, load, NULL, begin };
    int failed;
    if (*stage->config->clip_pretrained)
        failed =
            err_set(e, ERR_INVALID, "clip_pretrained: '%s' is given, so there is no CLIP to train",
                    stage->config->clip_pretrained);
    else
        failed = open_host(&s, e) || open_device(&s, e) ||
                 run_task(stage->config, &task, stage->stop, ret_done, e);
    release(&s);
    return failed ? -1 : 0;
}
