/*
 * Every file takes its name when it is complete; config.json comes last, so a directory with one
 * holds a whole bundle.
 */
#include "base/file.h"
#include "base/mem.h"
#include "model/bundle.h"
#include "model/bundle_config.h"

#define VOCABULARY_MAX ((size_t)16 << 20)

static int add_network(struct weights_out *o, const char *prefix, const struct param_list *l,
                       enum weights_dtype dtype, struct err *e)
{
    return weights_out_add_params(o, prefix, l, bundle_dtype(dtype, prefix), e);
}

static int save_weights(const struct bundle *b, enum weights_dtype dtype, const char *path,
                        struct err *e)
{
    struct weights_out *o;
    int rc;

    if (weights_out_new(&o, e))
        return -1;
    rc = weights_out_metadata(o, "format", "clipgen", e) ||
                 add_network(o, "clip.", &b->clip_params, dtype, e) ||
                 add_network(o, "vqgan.", &b->vqgan_params, dtype, e) ||
                 add_network(o, "gpt.", &b->gpt_params, dtype, e) ||
                 add_network(o, "condition.", &b->condition_params, dtype, e) ||
                 weights_out_write(o, path, e)
             ? -1
             : 0;
    weights_out_free(o);
    return rc;
}

static int copy_file(const char *from, const char *to, struct err *e)
{
    struct buf text;
    int rc;

    buf_init(&text, VOCABULARY_MAX);
    rc = file_read(from, VOCABULARY_MAX, &text, e) || file_write(to, text.data, text.len, e) ? -1
                                                                                             : 0;
    buf_release(&text);
    return rc;
}

int bundle_config_write(const char *dir, const struct bundle_config *c, struct err *e)
{
    char *path = file_join(dir, BUNDLE_CONFIG);
    struct buf text;
    int rc = -1;

    buf_init(&text, BUNDLE_CONFIG_MAX);
    if (!path)
        err_set(e, ERR_NOMEM, "no memory for a path");
    else if (!bundle_config_check(c, e) && !bundle_config_format(c, &text, e))
        rc = file_write(path, text.data, text.len, e);
    buf_release(&text);
    mem_free(path);
    return rc;
}

int bundle_save(const struct bundle *b, const char *dir, enum weights_dtype dtype,
                const char *vocab_path, struct err *e)
{
    char *weights = file_join(dir, BUNDLE_WEIGHTS);
    char *vocabulary = file_join(dir, b->config.vocab_file);
    int rc = -1;

    if (dtype == W_F64 || !weights_is_real(dtype))
        err_set(e, ERR_INVALID, "weights are stored as " BUNDLE_DTYPES ", not as %s",
                weights_dtype_name(dtype));
    else if (!weights || !vocabulary)
        err_set(e, ERR_NOMEM, "no memory for a path");
    else if (!bundle_config_check(&b->config, e) && !file_make_dirs(dir, e) &&
             !save_weights(b, dtype, weights, e) && !copy_file(vocab_path, vocabulary, e))
        rc = bundle_config_write(dir, &b->config, e);
    mem_free(weights);
    mem_free(vocabulary);
    return rc;
}
