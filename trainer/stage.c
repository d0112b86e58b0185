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

/* The bundle whose CLIP and vocabulary are given; empty: none is. */
static const char *given_clip(const struct config *c)
{
    return *c->clip_pretrained ? c->clip_pretrained : c->start_from;
}

char *stage_vocab_path(const struct stage *s, struct err *e)
{
    const struct config *c = s->config;
    const char *given = given_clip(c);
    struct bundle_config other;
    char *path;
    if (*c->clip_vocab)
        path = mem_strdup(c->clip_vocab);
    else if (!*given)
        path = config_path(c, "data/vocab.txt");
    else if (bundle_config_read(given, &other, e))
        return NULL;
    else
        path = file_join(given, other.vocab_file);
    if (!path)
        err_set(e, ERR_NOMEM, "no memory for a path");
    return path;
}

/* A CLIP of our own is as long as the vocabulary; a given one must fit. */
static int fit_vocabulary(const struct config *c, struct bundle_config *n, int vocab, struct err *e)
{
    if (!*given_clip(c))
        n->clip.text.vocab = vocab;
    if (n->clip.text.vocab == vocab)
        return 0;
    return err_set(e, ERR_INVALID, "vocabulary has %d entries, the given CLIP %d", vocab,
                   n->clip.text.vocab);
}

int stage_open_networks(const struct stage *s, struct bundle_config *ret_networks,
                        struct tokenizer **ret_tok, struct err *e)
{
    struct bundle_config n;
    struct tokenizer *tok;
    if (config_networks(s->config, &n, e))
        return -1;
    char *path = stage_vocab_path(s, e);
    if (!path)
        return -1;
    int failed = tokenizer_open(path, n.clip.text.vocab - TOKENIZER_FIXED, &tok, e);
    mem_free(path);
    if (failed)
        return -1;
    if (fit_vocabulary(s->config, &n, tokenizer_vocab(tok), e)) {
        tokenizer_close(tok);
        return -1;
    }
    *ret_networks = n;
    *ret_tok = tok;
    return 0;
}

/* A network of another bundle. key: of the recipe, that names the bundle. */
static int load_from_bundle(const char *key, const char *dir, const char *prefix,
                            struct param_list *params, struct err *e)
{
    struct weights *w;
    char *path = file_join(dir, BUNDLE_WEIGHTS);
    if (!path)
        return err_set(e, ERR_NOMEM, "no memory for a path");
    int failed = weights_open(path, &w, e);
    if (!failed) {
        failed = weights_load_params(w, prefix, params, NULL, e);
        weights_close(w);
    }
    mem_free(path);
    return failed ? err_prefix(e, "%s: ", key) : 0;
}

int stage_load_result(const struct stage *s, const char *name, struct param_list *params,
                      struct err *e)
{
    struct weights *w;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s.", name);
    if (*s->config->start_from && !run_has_result(s->config, name))
        return load_from_bundle("start_from", s->config->start_from, prefix, params, e);
    if (run_open_result(s->config, name, &w, e))
        return -1;
    int failed = optim_load_result(params, prefix, w, e);
    weights_close(w);
    return failed ? err_prefix(e, "result of stage %s: ", name) : 0;
}

int stage_first_weights(const struct stage *s, const char *name, uint64_t stream,
                        struct param_list *params, struct err *e)
{
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%s.", name);
    if (*s->config->start_from)
        return load_from_bundle("start_from", s->config->start_from, prefix, params, e);
    return param_list_reset(params, (uint64_t)s->config->seed + stream, e);
}

static int load_clip(const struct stage *s, struct bundle *b, struct err *e)
{
    const char *pretrained = s->config->clip_pretrained;
    if (*pretrained)
        return load_from_bundle("clip_pretrained", pretrained, "clip.", &b->clip_params, e);
    return stage_load_result(s, "clip", &b->clip_params, e);
}

int stage_open_frozen(const struct stage *s, struct bundle **ret_bundle, struct err *e)
{
    struct bundle_config networks;
    struct tokenizer *tok;
    struct bundle *b;
    if (stage_open_networks(s, &networks, &tok, e))
        return -1;
    if (bundle_new(&networks, s->dev, PARAM_PLAIN, &b, e)) {
        tokenizer_close(tok);
        return -1;
    }
    b->tokenizer = tok;
    if (load_clip(s, b, e) || stage_load_result(s, "vqgan", &b->vqgan_params, e)) {
        bundle_close(b);
        return -1;
    }
    *ret_bundle = b;
    return 0;
}

enum split stage_test_split(const struct stage *s, const struct dataset *ds)
{
    struct scene_options o = stage_scene_options(s->config);
    int *objects, n;
    if (scene_objects(ds, SPLIT_HELD_OUT, &o, &objects, &n, NULL))
        return SPLIT_TRAIN;
    mem_free(objects);
    return SPLIT_HELD_OUT;
}

struct scene_options stage_scene_options(const struct config *c)
{
    struct scene_options o = scene_options_default;
    o.pair_probability = c->two_objects;
    o.size_min = c->size_min;
    o.size_max = c->size_max;
    o.flip = c->flip;
    o.hold_out_objects = c->hold_out_objects;
    return o;
}

struct loader_options stage_loader_options(const struct config *c, const struct tokenizer *tok,
                                           int64_t batch, int context, uint64_t purpose,
                                           enum split split)
{
    return (struct loader_options){
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
}

int stage_open_loader(const struct stage *s, const struct dataset *ds, const struct tokenizer *tok,
                      int64_t batch, int context, uint64_t purpose, enum split split,
                      int64_t first_step, struct loader **ret_loader, struct err *e)
{
    struct loader_options o = stage_loader_options(s->config, tok, batch, context, purpose, split);
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
