#include "trainer/step_vqgan.h"

#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/lpips.h"
#include "trainer/codebook.h"
#include "trainer/gan.h"
#include "trainer/pixels.h"
#include "trainer/preview.h"
#include "trainer/run.h"
#include "trainer/schedule.h"
#include "trainer/twins.h"
#include "trainer/workspace.h"

struct step_vqgan {
    const struct stage *stage;
    const struct config *config;
    const struct config_training *training;
    struct bundle_config networks;
    struct dataset *ds;
    struct loader *loader;
    struct vqgan *vqgan;
    struct lpips *lpips; /* NULL: no perceptual loss */
    struct param_list params;
    struct optim optim;
    struct gan gan;
    struct codebook codebook;
    struct workspace work;
    /* of the step that runs */
    const struct batch *batch;
    int64_t step;
    double rate;
    bool disc_learns, generator_listens;
    float l1, l2, perceptual, quantizer, local, norm;
    double flops;
    struct twins twins; /* only where tokens are to be local */
    float local_weight; /* 0: a folder's pictures have no other background */
    int32_t *ids;       /* [B * tokens] */
    float *z;           /* [B * tokens, Z] */
    uint8_t *preview;   /* [B, side, side, 3] */
};

/* The values of one forward pass. */
struct forward {
    struct tensor *x, *z, *ids, *features, *recon, *quantizer;
};

static struct tensor *upload_pixels(struct step_vqgan *s, struct pass *p)
{
    int64_t b = s->training->batch, side = s->config->side;
    struct tensor *u8 = pass_upload(p, DTYPE_U8, 4, (int64_t[]){ b, side, side, 3 },
                                    s->batch ? s->batch->pixels : NULL);
    return pixels_for_vqgan(p, u8);
}

static struct forward forward(struct step_vqgan *s, struct pass *p)
{
    struct forward f;
    struct tensor *rows;
    f.x = upload_pixels(s, p);
    f.z = vqgan_encode(p, s->vqgan, f.x);
    struct tensor *q = vqgan_quantize(p, s->vqgan, f.z, &f.ids, &rows);
    f.quantizer = vqgan_quantizer_loss(p, s->vqgan, f.z, rows, (float)s->config->vqgan_beta);
    f.features = vqgan_decode_features(p, s->vqgan, q);
    f.recon = vqgan_decode_last(p, s->vqgan, f.features);
    return f;
}

/* Leaves the gradient of the reconstruction loss at f->recon. */
static void reconstruction(struct step_vqgan *s, struct pass *p, struct forward *f)
{
    size_t from = tape_mark(p->tape);
    struct tensor *l1 = op_l1(p, f->recon, f->x), *l2 = op_l2(p, f->recon, f->x), *seen = NULL;
    tape_seed(p, l1, 1);
    tape_seed(p, l2, (float)s->config->vqgan_l2);
    if (s->lpips) {
        seen = lpips_distance(p, s->lpips, f->recon, f->x);
        tape_seed(p, seen, (float)s->config->perceptual_weight);
    }
    tape_backward(p, from, tape_mark(p->tape));
    s->l1 = workspace_scalar(p, l1);
    s->l2 = workspace_scalar(p, l2);
    s->perceptual = workspace_scalar(p, seen);
}

/* How far the vectors of the same patch in two surroundings are apart, of unit vectors; NULL: not
 * asked for. */
static struct tensor *locality(struct step_vqgan *s, struct pass *p, const struct tensor *z)
{
    int64_t b = s->training->batch, side = s->config->side;
    int64_t n = b * s->networks.gpt.tokens, dim = vqgan_code_dim(&s->networks.vqgan);
    if (!(s->local_weight > 0))
        return NULL;
    struct tensor *u8 =
        pass_upload(p, DTYPE_U8, 4, (int64_t[]){ b, side, side, 3 }, s->twins.pixels);
    struct tensor *differs = pass_upload(p, DTYPE_I32, 1, &n, s->twins.differs);
    struct tensor *zero = pass_upload(p, DTYPE_F32, 1, &dim, s->twins.zero);
    struct tensor *twin = vqgan_encode(p, s->vqgan, pixels_for_vqgan(p, u8));
    const struct tensor *both[] = { z, twin };
    struct tensor *unit[2];
    for (int i = 0; i < 2; i++)
        unit[i] = op_replace_rows(
            p, op_l2norm(p, op_reshape(p, both[i], 2, (int64_t[]){ n, dim }), CLIP_NORM_EPS),
            differs, zero);
    return op_l2(p, unit[0], unit[1]);
}

static void graph(void *self, struct pass *p)
{
    struct step_vqgan *s = self;
    struct forward f = forward(s, p);
    struct tensor *local = locality(s, p, f.z);
    size_t generator_end = tape_mark(p->tape);
    reconstruction(s, p, &f);
    if (s->generator_listens)
        gan_push_generator(&s->gan, p, s->vqgan, f.features, f.recon);
    tape_seed(p, f.quantizer, (float)s->config->vqgan_quantizer);
    if (local)
        tape_seed(p, local, s->local_weight);
    tape_backward(p, 0, generator_end);
    struct tensor *norm = optim_step(&s->optim, p, s->step, (float)s->rate);
    if (s->disc_learns)
        gan_step_discriminator(&s->gan, p, f.x, f.recon, s->step - s->config->gan_start,
                               (float)s->config->gan_rate);
    s->norm = workspace_scalar(p, norm);
    s->quantizer = workspace_scalar(p, f.quantizer);
    s->local = workspace_scalar(p, local);
    workspace_read(p, f.ids, s->ids, tensor_bytes(f.ids));
    workspace_read(p, f.z, s->z, tensor_bytes(f.z));
    s->flops = p->flops;
}

/* ---- dead codebook entries ---- */

/* Its place in the parameter list, where it always is. */
static int codebook_index(const struct step_vqgan *s)
{
    int i = 0;
    while (&s->params.item[i]->value != vqgan_codebook(s->vqgan))
        i++;
    return i;
}

/* A restarted row begins with no moments and is its own average. */
static int restart_row(struct step_vqgan *s, int index, int row, struct err *e)
{
    size_t bytes = sizeof(float) * (size_t)s->codebook.width, at = bytes * (size_t)row;
    const float *values = s->codebook.rows + (size_t)row * (size_t)s->codebook.width;
    const float zero[1024] = { 0 };
    struct device *dev = s->stage->dev;
    return device_upload(dev, &s->params.item[index]->value, at, values, bytes, e) ||
           device_upload(dev, &s->optim.average[index], at, values, bytes, e) ||
           device_upload(dev, &s->optim.m[index], at, zero, bytes, e) ||
           device_upload(dev, &s->optim.v[index], at, zero, bytes, e);
}

static int restart_dead(struct step_vqgan *s, struct metrics *m, struct err *e)
{
    int *dead = mem_alloc((size_t)s->codebook.entries, sizeof *dead);
    if (!dead)
        return err_set(e, ERR_NOMEM, "no memory for %d codebook entries", s->codebook.entries);
    const struct tensor *table = vqgan_codebook(s->vqgan);
    int index = codebook_index(s);
    struct rng r = { (uint64_t)s->config->seed, 100, (uint64_t)s->step << 32 };
    int failed = device_download(s->stage->dev, table, 0, s->codebook.rows, tensor_bytes(table), e);
    int64_t n = s->training->batch * s->networks.gpt.tokens;
    int n_dead =
        failed ? 0 : codebook_restart(&s->codebook, s->z, n, s->config->restart_below, &r, dead);
    for (int i = 0; i < n_dead && !failed; i++)
        failed = restart_row(s, index, dead[i], e);
    metrics_set(m, "restarted", n_dead);
    mem_free(dead);
    return failed;
}

/* ---- the task ---- */

static void set_metrics(const struct step_vqgan *s, struct metrics *m)
{
    const struct config *c = s->config;
    metrics_set(m, "loss",
                s->l1 + c->vqgan_l2 * s->l2 + c->perceptual_weight * s->perceptual +
                    c->vqgan_quantizer * s->quantizer + s->local_weight * s->local);
    metrics_set(m, "l1", s->l1);
    /* of pixels in [-1, 1]; a perfect picture has a limit, so that it is no infinity */
    metrics_set(m, "psnr", 10 * log10(4 / fmax((double)s->l2, 1e-10)));
    if (s->lpips)
        metrics_set(m, "perceptual", s->perceptual);
    metrics_set(m, "quantizer", s->quantizer);
    if (s->local_weight > 0)
        metrics_set(m, "local", s->local);
    metrics_set(m, "grad_norm", s->norm);
    metrics_set(m, "rate", s->rate);
    if (s->disc_learns) {
        metrics_set(m, "loss_d", s->gan.loss_d);
        metrics_set(m, "grad_norm_d", s->gan.norm_d);
    }
    if (s->generator_listens) {
        metrics_set(m, "loss_g", s->gan.loss_g);
        metrics_set(m, "adaptive", s->gan.adaptive);
    }
}

/* The discriminator starts late (it can ruin young reconstructions), and learns before it is
 * listened to. */
static void set_gan_phase(struct step_vqgan *s, int64_t step)
{
    const struct config *c = s->config;
    s->disc_learns = c->gan_weight > 0 && step >= c->gan_start;
    s->generator_listens = s->disc_learns && step >= c->gan_start + c->gan_warmup;
}

static int make_twins(struct step_vqgan *s, struct err *e)
{
    struct rng r = { (uint64_t)s->config->seed, 101, (uint64_t)s->step << 16 };
    if (!(s->local_weight > 0))
        return 0;
    return twins_make(&s->twins, s->batch, &r, e);
}

static int step(void *self, int64_t step, struct metrics *m, double *ret_flops, struct err *e)
{
    struct step_vqgan *s = self;
    const struct config_training *t = s->training;
    s->step = step;
    s->rate = schedule_rate(step, t->steps, t->warmup, t->rate, t->rate_end);
    set_gan_phase(s, step);
    if (loader_next(s->loader, &s->batch, e) || make_twins(s, e) ||
        param_list_zero_grads(&s->params, e) || param_list_zero_grads(&s->gan.params, e) ||
        workspace_run(&s->work, s, graph, true, (uint64_t)step, e))
        return -1;
    set_metrics(s, m);
    codebook_count(&s->codebook, s->ids, t->batch * s->networks.gpt.tokens, m);
    *ret_flops = s->flops;
    int64_t every = s->config->restart_every;
    /* the last fifth goes without restarts: every entry keeps its meaning for the transformer to
     * learn */
    if (every > 0 && (step + 1) % every == 0 && step < t->steps - t->steps / 5)
        return restart_dead(s, m, e);
    return 0;
}

static int save(void *self, struct weights_out *out, struct err *e)
{
    const struct step_vqgan *s = self;
    return optim_save(&s->optim, "vqgan.", out, e) || optim_save(&s->gan.optim, "disc.", out, e) ||
           codebook_save(&s->codebook, out, e);
}

static int load(void *self, const struct weights *w, struct err *e)
{
    struct step_vqgan *s = self;
    return optim_load(&s->optim, "vqgan.", w, e) || optim_load(&s->gan.optim, "disc.", w, e) ||
           codebook_load(&s->codebook, w, e);
}

static int begin(void *self, int64_t step, struct err *e)
{
    struct step_vqgan *s = self;
    return stage_open_loader(s->stage, s->ds, NULL, s->training->batch, 0, 2, SPLIT_TRAIN, step,
                             &s->loader, e);
}

/* ---- preview: pictures kept for tests and what the averaged network makes of them ---- */

static void preview_graph(void *self, struct pass *p)
{
    struct step_vqgan *s = self;
    struct tensor *out = op_pixels_out(p, forward(s, p).recon);
    workspace_read(p, out, s->preview, out ? tensor_bytes(out) : 0);
}

static int preview(void *self, struct image *ret_img, struct err *e)
{
    struct step_vqgan *s = self;
    enum split split = stage_test_split(s->stage, s->ds);
    struct loader *loader;
    if (stage_open_loader(s->stage, s->ds, NULL, s->training->batch, 0, 3, split, 0, &loader, e))
        return -1;
    optim_swap_average(&s->optim);
    int failed =
        loader_next(loader, &s->batch, e) || workspace_run(&s->work, s, preview_graph, false, 0, e);
    optim_swap_average(&s->optim);
    if (!failed) {
        int n = (int)s->training->batch, side = (int)s->config->side;
        log_info("vqgan: PSNR of %s pictures %.2f dB",
                 split == SPLIT_HELD_OUT ? "held-out" : "training",
                 preview_psnr(s->batch->pixels, s->preview, n, side));
        failed = preview_pairs(s->batch->pixels, s->preview, n, side, ret_img, e);
    }
    s->batch = NULL;
    loader_free(loader);
    return failed ? -1 : 0;
}

/* ---- opening ---- */

static void release(struct step_vqgan *s)
{
    loader_free(s->loader);
    workspace_release(&s->work);
    codebook_release(&s->codebook);
    gan_release(&s->gan);
    optim_release(&s->optim);
    lpips_close(s->lpips);
    vqgan_free(s->vqgan);
    param_list_release(&s->params);
    dataset_close(s->ds);
    mem_free(s->ids);
    mem_free(s->z);
    twins_release(&s->twins);
    mem_free(s->preview);
}

static int open_host(struct step_vqgan *s, struct err *e)
{
    if (config_networks(s->config, &s->networks, e) || stage_open_dataset(s->stage, &s->ds, e))
        return -1;
    const struct vqgan_config *v = &s->networks.vqgan;
    size_t b = (size_t)s->training->batch, n = b * (size_t)s->networks.gpt.tokens;
    size_t side = (size_t)s->config->side;
    s->ids = mem_alloc(n, sizeof *s->ids);
    s->z = mem_alloc(n * (size_t)vqgan_code_dim(v), sizeof *s->z);
    s->preview = mem_alloc(b * side * side, 3);
    if (!s->ids || !s->z || !s->preview)
        return err_set(e, ERR_NOMEM, "no memory for batches of %zu", b);
    struct scene_options scene = stage_scene_options(s->config);
    s->local_weight = s->ds->kind == DATASET_EMOJI ? (float)s->config->vqgan_local : 0;
    if (s->local_weight > 0 && twins_init(&s->twins, s->ds, &scene, (int)b, (int)side,
                                          vqgan_grid(v), vqgan_code_dim(v), e))
        return -1;
    return codebook_init(&s->codebook, v->codebook, vqgan_code_dim(v), v->unit_codes, e);
}

static int open_device(struct step_vqgan *s, struct err *e)
{
    struct device *dev = s->stage->dev;
    struct disc_config disc = config_disc(s->config);
    struct optim_settings generator = stage_optim(s->training, 0.9f, 0.99f);
    struct optim_settings discriminator = { .beta1 = 0.5f, .beta2 = 0.9f, .eps = 1e-8f };
    workspace_graph *graphs[] = { graph, preview_graph };
    uint64_t seed = (uint64_t)s->config->seed;
    if (vqgan_new(&s->networks.vqgan, &s->params, &s->vqgan, e) ||
        param_list_alloc(&s->params, dev, true, e) ||
        stage_first_weights(s->stage, "vqgan", 1, &s->params, e) ||
        optim_init(&s->optim, &generator, &s->params, dev, e) ||
        gan_init(&s->gan, &disc, &discriminator, (float)s->config->gan_weight, seed + 2, dev, e))
        return -1;
    if (*s->config->perceptual && lpips_open(s->config->perceptual, dev, &s->lpips, e))
        return err_prefix(e, "perceptual: ");
    set_gan_phase(s, s->training->steps); /* plan for the most a step can need */
    return workspace_init(&s->work, dev, s, graphs, 2, e);
}

int stage_vqgan(const struct stage *stage, bool *ret_done, struct err *e)
{
    struct step_vqgan s = { .stage = stage,
                            .config = stage->config,
                            .training = &stage->config->vqgan };
    param_list_init(&s.params);
    struct task task = { "vqgan", s.training, &s, step, save, load, preview, begin };
    int failed = open_host(&s, e) || open_device(&s, e) ||
                 run_task(stage->config, &task, stage->stop, ret_done, e);
    release(&s);
    return failed ? -1 : 0;
}
