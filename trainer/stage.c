#include "trainer/stage.h"

#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "trainer/run.h"

int stage_open_dataset(const struct stage *s, struct dataset **ret_ds, struct err *e)
{
    char *dir = config_path(s->config, "data");
    if (!dir)
        return err_set(e, ERR_NOMEM, "no memory for a path");
    int failed = 0;
    if (!file_exists(dir))
        failed = err_set(e, ERR_NOT_FOUND, "%s is not there: run the stage 'data' first", dir);
    else
        failed = dataset_open(dir, ret_ds, e);
    mem_free(dir);
    return failed;
}

char *stage_vocab_path(const struct stage *s)
{
    const struct config *c = s->config;
    if (*c->clip_vocab)
        return mem_strdup(c->clip_vocab);
    return config_path(c, "data/vocab.txt");
}

int stage_open_tokenizer(const struct stage *s, struct tokenizer **ret_tok, struct err *e)
{
    struct bundle_config n;
    if (config_networks(s->config, &n, e))
        return -1;
    char *path = stage_vocab_path(s);
    if (!path)
        return err_set(e, ERR_NOMEM, "no memory for a path");
    int failed = tokenizer_open(path, n.clip.text.vocab - 514, ret_tok, e);
    mem_free(path);
    if (failed)
        return -1;
    if (tokenizer_vocab(*ret_tok) == n.clip.text.vocab)
        return 0;
    err_set(e, ERR_INVALID, "vocabulary has %d entries, the recipe's CLIP %d",
            tokenizer_vocab(*ret_tok), n.clip.text.vocab);
    tokenizer_close(*ret_tok);
    return -1;
}

/* The weights that a stage ended with. */
static int load_result(const struct stage *s, const char *name, const char *prefix,
                       struct param_list *params, struct err *e)
{
    struct weights *w;
    if (run_open_result(s->config, name, &w, e))
        return -1;
    int failed = optim_load_result(params, prefix, w, e);
    weights_close(w);
    return failed ? err_prefix(e, "result of stage %s: ", name) : 0;
}

static int load_pretrained_clip(const struct stage *s, struct bundle *b, struct err *e)
{
    struct weights *w;
    char *path = file_join(s->config->clip_pretrained, "model.safetensors");
    if (!path)
        return err_set(e, ERR_NOMEM, "no memory for a path");
    int failed = weights_open(path, &w, e);
    if (!failed) {
        failed = weights_load_params(w, "clip.", &b->clip_params, NULL, e);
        weights_close(w);
    }
    mem_free(path);
    return failed ? err_prefix(e, "clip_pretrained: ") : 0;
}

static int load_clip(const struct stage *s, struct bundle *b, struct err *e)
{
    if (*s->config->clip_pretrained)
        return load_pretrained_clip(s, b, e);
    return load_result(s, "clip", "clip.", &b->clip_params, e);
}

int stage_open_frozen(const struct stage *s, struct bundle **ret_bundle, struct err *e)
{
    struct bundle_config networks;
    struct bundle *b;
    if (config_networks(s->config, &networks, e) || bundle_new(&networks, s->dev, &b, e))
        return -1;
    if (stage_open_tokenizer(s, &b->tokenizer, e) || load_clip(s, b, e) ||
        load_result(s, "vqgan", "vqgan.", &b->vqgan_params, e)) {
        bundle_close(b);
        return -1;
    }
    *ret_bundle = b;
    return 0;
}

struct scene_options stage_scene_options(const struct config *c)
{
    struct scene_options o = scene_options_default;
    o.pair_probability = c->two_objects;
    o.hold_out_objects = c->hold_out_objects;
    return o;
}

int stage_open_loader(const struct stage *s, const struct dataset *ds, const struct tokenizer *tok,
                      int64_t batch, int context, uint64_t purpose, enum split split,
                      int64_t first_step, struct loader **ret_loader, struct err *e)
{
    const struct config *c = s->config;
    struct loader_options o = {
        .batch = (int)batch,
        .side = (int)c->side,
        .seed = (uint64_t)c->seed * 16 + purpose,
        .split = split,
        .scene = stage_scene_options(c),
        .caption = caption_options_default,
        .tokenizer = tok,
        .context = context,
        .threads = 1,
        .ahead = 4,
    };
    return loader_new(ds, &o, first_step, ret_loader, e);
}

struct optim_settings stage_optim(const struct config_training *t, float beta1, float beta2)
{
    return (struct optim_settings){ .beta1 = beta1,
                                    .beta2 = beta2,
                                    .eps = 1e-8f,
                                    .decay = (float)t->decay,
                                    .clip = (float)t->clip,
                                    .average = (float)t->average };
}
