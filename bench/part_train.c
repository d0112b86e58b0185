/*
 * The parts of training: one step, forward, backward and update, with the trainer's own workspace
 * and optimiser. Like a recipe's step, but on pictures and tokens that stay the same: no loader, no
 * frozen networks beside it, no discriminator.
 */
#include "base/mem.h"
#include "bench/part.h"
#include "bench/random.h"
#include "trainer/optim.h"
#include "trainer/workspace.h"

#define RATE 1e-6f

struct training {
    const struct bundle_config *config;
    int batch;
    struct gpt gpt;
    struct vqgan *vqgan;
    struct param_list params;
    struct optim optim;
    struct workspace work;
    int32_t *tokens; /* [B, T] */
    float *input;    /* GPT: conditions [B, E]; VQGAN: pixels [B, side, side, 3] */
    float loss;
};

static void finish_step(struct training *t, struct pass *p, const struct tensor *loss)
{
    tape_backward(p, 0, tape_mark(p->tape));
    optim_step(&t->optim, p, 0, RATE);
    t->loss = workspace_scalar(p, loss);
}

static void gpt_graph(void *self, struct pass *p)
{
    struct training *t = self;
    const struct gpt_config *c = &t->config->gpt;
    int64_t B = t->batch, T = c->tokens;
    struct tensor *cond = pass_upload(p, DTYPE_F32, 2, (int64_t[]){ B, c->cond_dim }, t->input);
    struct tensor *tokens = pass_upload(p, DTYPE_I32, 2, (int64_t[]){ B, T }, t->tokens);
    struct tensor *logits =
        gpt_forward(p, &t->gpt, cond, op_slice(p, tokens, 1, 0, T - 1), NULL); /* [B, T, V] */
    struct tensor *loss = op_cross_entropy(p, op_reshape(p, logits, 2, (int64_t[]){ B * T, -1 }),
                                           op_reshape(p, tokens, 1, (int64_t[]){ -1 }));
    tape_seed(p, loss, 1);
    finish_step(t, p, loss);
}

static void vqgan_graph(void *self, struct pass *p)
{
    struct training *t = self;
    int64_t side = t->config->vqgan.resolution;
    struct tensor *ids, *rows;
    struct tensor *x =
        pass_upload(p, DTYPE_F32, 4, (int64_t[]){ t->batch, side, side, 3 }, t->input);
    struct tensor *z = vqgan_encode(p, t->vqgan, x);
    struct tensor *q = vqgan_quantize(p, t->vqgan, z, &ids, &rows);
    struct tensor *codes = vqgan_quantizer_loss(p, t->vqgan, z, rows, 0.25f);
    struct tensor *seen = op_l1(p, vqgan_decode(p, t->vqgan, q), x);
    tape_seed(p, codes, 1);
    tape_seed(p, seen, 1);
    finish_step(t, p, seen);
}

/* ---- opening ---- */

static void close_training(struct bench *b)
{
    struct training *t = b->training;
    if (!t)
        return;
    workspace_release(&t->work);
    optim_release(&t->optim);
    gpt_release(&t->gpt);
    vqgan_free(t->vqgan);
    param_list_release(&t->params);
    mem_free(t->tokens);
    mem_free(t->input);
    mem_free(t);
    b->training = NULL;
}

static struct training *new_training(struct bench *b, int batch, struct err *e)
{
    struct training *t = b->training = mem_alloc(1, sizeof *t);
    bundle_close(b->bundle); /* its memory is needed for gradients and moments */
    b->bundle = NULL;
    if (!t) {
        err_set(e, ERR_NOMEM, "no memory for a step");
        return NULL;
    }
    t->config = &b->preset->config;
    t->batch = batch;
    param_list_init(&t->params);
    return t;
}

/* n floats and n_tokens tokens a picture. */
static int make_batch(struct training *t, size_t n, size_t n_tokens, struct err *e)
{
    size_t batch = (size_t)t->batch, vocab = (size_t)t->config->gpt.vocab;
    t->input = mem_alloc(batch * n, sizeof *t->input);
    t->tokens = mem_alloc(batch * n_tokens, sizeof *t->tokens);
    if (!t->input || !t->tokens)
        return err_set(e, ERR_NOMEM, "no memory for a batch of %d", t->batch);
    for (size_t i = 0; i < batch * n; i++)
        t->input[i] = (float)(i * 7919 % 2000) * 0.001f - 1;
    for (size_t i = 0; i < batch * n_tokens; i++)
        t->tokens[i] = (int32_t)(i * 7919 % vocab);
    return 0;
}

static int prepare(struct training *t, struct bench *b, workspace_graph *graph, struct err *e)
{
    static const struct optim_settings SETTINGS = {
        .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .decay = 0.01f, .clip = 1, .average = 0.99f
    };
    if (param_list_alloc(&t->params, b->dev, true, e) || random_fill(&t->params, e) ||
        optim_init(&t->optim, &SETTINGS, &t->params, b->dev, e))
        return -1;
    return workspace_init(&t->work, b->dev, t, &graph, 1, e);
}

static int open_train_gpt(struct bench *b, struct err *e)
{
    struct training *t = new_training(b, b->preset->gpt_batch, e);
    if (!t)
        return -1;
    const struct gpt_config *c = &t->config->gpt;
    return make_batch(t, (size_t)c->cond_dim, (size_t)c->tokens, e) ||
                   gpt_init(&t->gpt, c, &t->params, e) || prepare(t, b, gpt_graph, e)
               ? -1
               : 0;
}

static int open_train_vqgan(struct bench *b, struct err *e)
{
    struct training *t = new_training(b, b->preset->vqgan_batch, e);
    if (!t)
        return -1;
    const struct vqgan_config *c = &t->config->vqgan;
    size_t side = (size_t)c->resolution;
    return make_batch(t, side * side * 3, 0, e) || vqgan_new(c, &t->params, &t->vqgan, e) ||
                   prepare(t, b, vqgan_graph, e)
               ? -1
               : 0;
}

/* ---- runs and work ---- */

static int run_step(struct training *t, workspace_graph *graph, struct err *e)
{
    return param_list_zero_grads(&t->params, e) || workspace_run(&t->work, t, graph, true, 0, e)
               ? -1
               : 0;
}

static int run_train_gpt(struct bench *b, struct err *e)
{
    return run_step(b->training, gpt_graph, e);
}

static int run_train_vqgan(struct bench *b, struct err *e)
{
    return run_step(b->training, vqgan_graph, e);
}

static void train_gpt_work(const struct bench *b, struct work *ret_work)
{
    *ret_work = work_train_gpt(&b->preset->config.gpt, b->preset->gpt_batch);
}

static void train_vqgan_work(const struct bench *b, struct work *ret_work)
{
    *ret_work = work_train_vqgan(&b->preset->config.vqgan, b->preset->vqgan_batch);
}

const struct part_kind PART_TRAIN_GPT = {
    .open = open_train_gpt, .run = run_train_gpt, .close = close_training, .work = train_gpt_work
};
const struct part_kind PART_TRAIN_VQGAN = { .open = open_train_vqgan,
                                            .run = run_train_vqgan,
                                            .close = close_training,
                                            .work = train_vqgan_work };
