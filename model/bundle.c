#include "model/bundle.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/bundle_config.h"

/* ---- the networks ---- */

static const char *const PREFIXES[] = { "clip.", "vqgan.", "gpt.", "condition." };
enum { CONDITION = 3, N_NETWORKS };
/* Whose matrices are held in the bundle's format: the transformers'. */
static const bool IN_FORMAT[N_NETWORKS] = { true, false, true, false };

const enum weights_dtype BUNDLE_DTYPE[] = { W_F32, W_F16, W_BF16, W_Q8_0, W_Q4_0 };

static int network_of(const char *name)
{
    int i = 0;

    while (i < N_NETWORKS && strncmp(name, PREFIXES[i], strlen(PREFIXES[i])))
        i++;
    return i;
}

enum weights_dtype bundle_dtype(enum weights_dtype dtype, const char *name)
{
    int i = network_of(name);

    if (i == CONDITION) /* its means are few, and a difference is taken of them */
        return W_F32;
    return weights_in_blocks(dtype) && !(i < N_NETWORKS && IN_FORMAT[i]) ? W_F32 : dtype;
}

/* In the order of PREFIXES. */
static void lists_of(struct bundle *b, struct param_list *ret_lists[N_NETWORKS])
{
    ret_lists[0] = &b->clip_params;
    ret_lists[1] = &b->vqgan_params;
    ret_lists[2] = &b->gpt_params;
    ret_lists[3] = &b->condition_params;
}

static int name_params(struct bundle *b, struct err *e)
{
    const struct bundle_config *c = &b->config;

    condition_init(&b->condition, c->centred, c->clip.embed_dim, &b->condition_params);
    if (clip_init(&b->clip, &c->clip, &b->clip_params, e) ||
        vqgan_new(&c->vqgan, &b->vqgan_params, &b->vqgan, e) ||
        gpt_init(&b->gpt, &c->gpt, &b->gpt_params, e))
        return -1;
    return param_list_check(&b->condition_params, e);
}

static int alloc_params(struct bundle *b, enum param_format format, struct err *e)
{
    struct param_list *lists[N_NETWORKS];

    b->format = format;
    lists_of(b, lists);
    for (int i = 0; i < N_NETWORKS; i++)
        if (param_list_alloc_packed(lists[i], b->dev, IN_FORMAT[i] ? format : PARAM_PLAIN, e))
            return err_prefix(e, "%s ", PREFIXES[i]);
    return 0;
}

static int new_bundle(const struct bundle_config *c, struct device *dev, struct bundle **ret_bundle,
                      struct err *e)
{
    struct bundle *b = mem_alloc(1, sizeof *b);
    struct param_list *lists[N_NETWORKS];

    if (!b)
        return err_set(e, ERR_NOMEM, "no memory for a bundle");
    b->config = *c;
    b->dev = dev;
    lists_of(b, lists);
    for (int i = 0; i < N_NETWORKS; i++)
        param_list_init(lists[i]);
    if (bundle_config_check(c, e) || name_params(b, e)) {
        bundle_close(b);
        return -1;
    }
    *ret_bundle = b;
    return 0;
}

static int plan_params(struct bundle *b, size_t *ret_bytes, struct err *e)
{
    struct param_list *lists[N_NETWORKS];
    size_t bytes;

    lists_of(b, lists);
    *ret_bytes = 0;
    for (int i = 0; i < N_NETWORKS; i++) {
        if (param_list_plan_packed(lists[i], b->dev, IN_FORMAT[i] ? b->format : PARAM_PLAIN, &bytes,
                                   e))
            return err_prefix(e, "%s ", PREFIXES[i]);
        *ret_bytes += bytes;
    }
    return 0;
}

int bundle_plan(const struct bundle_config *c, struct device *dev, enum param_format format,
                struct bundle **ret_bundle, size_t *ret_bytes, struct err *e)
{
    struct bundle *b;

    if (new_bundle(c, dev, &b, e))
        return -1;
    b->format = format;
    if (plan_params(b, ret_bytes, e)) {
        bundle_close(b);
        return -1;
    }
    *ret_bundle = b;
    return 0;
}

int bundle_new(const struct bundle_config *c, struct device *dev, enum param_format format,
               struct bundle **ret_bundle, struct err *e)
{
    struct bundle *b;

    if (new_bundle(c, dev, &b, e))
        return -1;
    if (alloc_params(b, format == PARAM_AUTO ? PARAM_F32 : format, e)) {
        bundle_close(b);
        return -1;
    }
    *ret_bundle = b;
    return 0;
}

void bundle_close(struct bundle *b)
{
    struct param_list *lists[N_NETWORKS];

    if (!b)
        return;
    tokenizer_close(b->tokenizer);
    clip_release(&b->clip);
    vqgan_free(b->vqgan);
    gpt_release(&b->gpt);
    lists_of(b, lists);
    for (int i = 0; i < N_NETWORKS; i++)
        param_list_release(lists[i]);
    mem_free(b);
}

/* ---- opening ---- */

/* Every tensor of the file must belong to a network; weights_load_params looks under one prefix. */
static int check_prefixes(const struct weights *w, struct err *e)
{
    for (int i = 0; i < weights_n(w); i++) {
        const char *name = weights_at(w, i)->name;
        if (network_of(name) == N_NETWORKS)
            return err_set(e, ERR_FORMAT, "tensor %.96s belongs to no network of a bundle", name);
    }
    return 0;
}

/* What AUTO is for a file. */
static enum param_format as_stored(const struct weights *w)
{
    switch (weights_blocks(w)) {
    case W_Q8_0:
        return PARAM_Q8_0;
    case W_Q4_0:
        return PARAM_Q4_0;
    default:
        return PARAM_F32;
    }
}

static int take_format(struct bundle *b, const struct weights *w, struct err *e)
{
    (void)e;
    b->format = as_stored(w);
    return 0;
}

static int load_networks(struct bundle *b, const struct weights *w, struct err *e)
{
    struct param_list *lists[N_NETWORKS];

    if (check_prefixes(w, e) ||
        alloc_params(b, b->format == PARAM_AUTO ? as_stored(w) : b->format, e))
        return -1;
    lists_of(b, lists);
    for (int i = 0; i < N_NETWORKS; i++)
        if (weights_load_params(w, PREFIXES[i], lists[i], NULL, e))
            return -1;
    return 0;
}

static int check_networks(struct bundle *b, const struct weights *w, struct err *e)
{
    struct param_list *lists[N_NETWORKS];

    if (check_prefixes(w, e))
        return -1;
    lists_of(b, lists);
    for (int i = 0; i < N_NETWORKS; i++)
        if (weights_check_params(w, PREFIXES[i], lists[i], NULL, e))
            return -1;
    return 0;
}

static int with_weights(struct bundle *b, const char *path,
                        int (*use)(struct bundle *b, const struct weights *w, struct err *e),
                        struct err *e)
{
    struct weights *w;
    int rc;

    if (weights_open(path, &w, e))
        return -1;
    rc = use(b, w, e) ? err_prefix(e, "%s: ", path) : 0;
    weights_close(w);
    return rc;
}

static int load_weights(struct bundle *b, const char *path, struct err *e)
{
    return with_weights(b, path, load_networks, e);
}

static int check_weights(struct bundle *b, const char *path, struct err *e)
{
    return with_weights(b, path, check_networks, e);
}

static int load_tokenizer(struct bundle *b, const char *path, struct err *e)
{
    int vocab = b->config.clip.text.vocab;

    if (vocab < TOKENIZER_FIXED)
        return err_set(e, ERR_INVALID, "clip.text.vocab: %d, a vocabulary has at least %d", vocab,
                       TOKENIZER_FIXED);
    if (tokenizer_open(path, vocab - TOKENIZER_FIXED, &b->tokenizer, e))
        return -1;
    if (tokenizer_vocab(b->tokenizer) != vocab)
        return err_set(e, ERR_FORMAT, "%s: %d entries, clip.text.vocab is %d", path,
                       tokenizer_vocab(b->tokenizer), vocab);
    return 0;
}

static int load_file(const char *dir, const char *name, struct bundle *b,
                     int (*load)(struct bundle *b, const char *path, struct err *e), struct err *e)
{
    char *path = file_join(dir, name);
    int rc = path ? load(b, path, e) : err_set(e, ERR_NOMEM, "no memory for a path");

    mem_free(path);
    return rc;
}

int bundle_open(const char *dir, struct device *dev, enum param_format format,
                struct bundle **ret_bundle, struct err *e)
{
    struct bundle_config c;
    struct bundle *b;

    if (bundle_config_read(dir, &c, e) || new_bundle(&c, dev, &b, e))
        return -1;
    b->format = format;
    if (load_file(dir, c.vocab_file, b, load_tokenizer, e) ||
        load_file(dir, BUNDLE_WEIGHTS, b, load_weights, e)) {
        bundle_close(b);
        return -1;
    }
    *ret_bundle = b;
    return 0;
}

static int format_of(struct bundle *b, const char *path, struct err *e)
{
    return with_weights(b, path, take_format, e);
}

int bundle_format(const char *dir, enum param_format format, enum param_format *ret_format,
                  struct err *e)
{
    struct bundle b = { .format = format };

    if (format == PARAM_AUTO && load_file(dir, BUNDLE_WEIGHTS, &b, format_of, e))
        return -1;
    *ret_format = b.format;
    return 0;
}

int bundle_check(const char *dir, struct err *e)
{
    struct bundle_config c;
    struct bundle *b;
    int rc;

    if (bundle_config_read(dir, &c, e) || new_bundle(&c, NULL, &b, e))
        return -1;
    rc = load_file(dir, c.vocab_file, b, load_tokenizer, e) ||
                 load_file(dir, BUNDLE_WEIGHTS, b, check_weights, e)
             ? -1
             : 0;
    bundle_close(b);
    return rc;
}
