#include "convert/conversion.h"

#include <string.h>

#include "base/bar.h"
#include "base/dir_out.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "convert/card.h"
#include "convert/inputs.h"
#include "convert/merges.h"
#include "model/bundle.h"

#define VOCABULARY "vocab.txt"
#define LICENCE "LICENCE"
#define LICENCE_MAX ((size_t)1 << 20)
#define VOCABULARY_MAX ((size_t)16 << 20)

/* What HFAiLab/clip-gen draws with. */
static const struct bundle_sampling SAMPLING = {
    .temperature = 1, .top_k = 500, .top_p = 0.95f, .guidance = 1
};

struct conversion {
    const struct options *options;
    const volatile sig_atomic_t *stop;
    struct inputs in;
    struct buf vocabulary, licence;
    struct bundle_config config;
    enum weights_dtype dtype;
    struct bar bar;
};

/* What a streamed tensor is asked for through. */
struct request {
    struct conversion *c;
    struct plan_step *step;
};

/* ---- what config.json says ---- */

/* One more, without its digest; NULL: e says why. */
static struct bundle_source *add_source(struct bundle_config *c, const char *network,
                                        const char *family, const char *file, struct err *e)
{
    struct bundle_source *s = &c->source[c->n_sources];

    if (c->n_sources == BUNDLE_SOURCES_MAX) {
        err_set(e, ERR_TOO_LARGE, "over %d files to convert from", BUNDLE_SOURCES_MAX);
        return NULL;
    }
    snprintf(s->network, sizeof s->network, "%s", network);
    snprintf(s->family, sizeof s->family, "%s", family);
    snprintf(s->file, sizeof s->file, "%s", strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
    c->n_sources++;
    return s;
}

static int add_network(struct bundle_config *c, enum network n, const struct checkpoint *from,
                       const struct family *f, struct err *e)
{
    for (size_t i = 0; i < checkpoint_n_files(from); i++) {
        struct bundle_source *s =
            add_source(c, family_network_name(n), f->name, checkpoint_file(from, i), e);
        if (!s)
            return -1;
        checkpoint_digest(from, i, s->sha256);
    }
    return 0;
}

static int add_sources(struct conversion *c, const char *vocabulary, struct err *e)
{
    struct bundle_source *s;

    for (int n = 0; n < N_NETWORKS; n++)
        if (add_network(&c->config, (enum network)n, c->in.of[n].checkpoint, c->in.of[n].family, e))
            return -1;
    s = add_source(&c->config, "vocab", "BPE merges", vocabulary, e);
    return s ? sha256_file(vocabulary, s->sha256, e) : -1;
}

/* The last part of a path, without slashes behind it. */
static void name_after(const char *path, char name[BUNDLE_NAME_MAX])
{
    size_t end = strlen(path), begin;

    while (end > 1 && path[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && path[begin - 1] != '/';)
        begin--;
    snprintf(name, BUNDLE_NAME_MAX, "%.*s", (int)(end - begin), path + begin);
}

static void describe(struct conversion *c)
{
    const struct options *o = c->options;

    c->config = (struct bundle_config){ .clip = c->in.networks.clip,
                                        .vqgan = c->in.networks.vqgan,
                                        .gpt = c->in.networks.gpt,
                                        .centred = c->in.networks.centred,
                                        .vocab_file = VOCABULARY,
                                        .sampling = SAMPLING };
    name_after(*o->name ? o->name : o->output, c->config.name);
    snprintf(c->config.licence, sizeof c->config.licence, "%s", o->licence);
}

/* ---- everything that can be refused before the first byte is written ---- */

static int read_vocabulary(struct conversion *c, struct err *e)
{
    const struct options *o = c->options;
    char *found = *o->vocab ? mem_strdup(o->vocab) : merges_beside(o->clip);
    int failed;

    if (!found)
        return err_set(e, ERR_INVALID,
                       "--vocab is missing: bpe_simple_vocab_16e6.txt.gz of openai/CLIP, or a "
                       "merges.txt or tokenizer.json; none is beside %s",
                       o->clip);
    failed = merges_read(found, c->config.clip.text.vocab, &c->vocabulary, e) ||
             add_sources(c, found, e);
    mem_free(found);
    return failed ? -1 : 0;
}

static int prepare(struct conversion *c, FILE *out, struct err *e)
{
    const struct options *o = c->options;

    if (!*o->output)
        return err_set(e, ERR_INVALID, "--output is missing: the directory to make");
    if (inputs_open(&c->in, o, out, e) || inputs_plan(&c->in, e))
        return -1;
    describe(c);
    if (bundle_config_check(&c->config, e) || read_vocabulary(c, e))
        return -1;
    return *o->licence_file ? file_read(o->licence_file, LICENCE_MAX, &c->licence, e) : 0;
}

/* ---- model.safetensors ---- */

static int fill(void *ctx, int64_t first, size_t n, float *dst, struct err *e)
{
    struct request *r = ctx;
    struct conversion *c = r->c;

    if (*c->stop)
        return err_set(e, ERR_CANCELLED, "stopped; nothing was written");
    if (plan_fill(r->step, first, n, dst, e))
        return -1;
    plan_forget(r->step);
    bar_step(&c->bar, (int64_t)n);
    return 0;
}

static int add_tensors(struct conversion *c, struct weights_out *o, struct request *requests,
                       struct err *e)
{
    if (weights_out_metadata(o, "format", "clipgen", e))
        return -1;
    for (size_t i = 0; i < c->in.plan.n; i++) {
        struct plan_step *s = &c->in.plan.step[i];
        requests[i] = (struct request){ c, s };
        enum weights_dtype dtype = weights_param_dtype(bundle_dtype(c->dtype, s->name), s->param);
        if (weights_out_stream(o, s->name, dtype, s->n_dims, s->dim, fill, &requests[i], e))
            return -1;
    }
    return 0;
}

static int64_t count_values(const struct plan *p)
{
    int64_t n = 0;

    for (size_t i = 0; i < p->n; i++)
        for (int k = 0; k < p->step[i].n_parts; k++)
            n += view_count(&p->step[i].part[k]);
    return n;
}

static int write_weights(struct conversion *c, const char *path, struct err *e)
{
    struct request *requests = mem_alloc(c->in.plan.n, sizeof *requests);
    struct weights_out *o = NULL;
    int failed = -1;

    if (!requests) {
        err_set(e, ERR_NOMEM, "no memory for %zu tensors", c->in.plan.n);
    } else if (!weights_out_new(&o, e) && !add_tensors(c, o, requests, e)) {
        bar_start(&c->bar, "writing", count_values(&c->in.plan), "M values", 1e-6);
        failed = weights_out_write(o, path, e);
        bar_end(&c->bar);
    }
    weights_out_free(o);
    mem_free(requests);
    return failed;
}

/* ---- the directory ---- */

static int write_text(const char *dir, const char *name, const struct buf *text, struct err *e)
{
    char *path = file_join(dir, name);
    int failed = path ? file_write(path, text->data, text->len, e)
                      : err_set(e, ERR_NOMEM, "no memory for a path");

    mem_free(path);
    return failed;
}

static int write_model(struct conversion *c, const char *dir, struct err *e)
{
    char *path = file_join(dir, BUNDLE_WEIGHTS);
    int failed = path ? write_weights(c, path, e) || sha256_file(path, c->config.weights_sha256, e)
                      : err_set(e, ERR_NOMEM, "no memory for a path");

    mem_free(path);
    return failed ? -1 : 0;
}

static int write_card(const struct conversion *c, const char *dir, struct err *e)
{
    struct buf text;
    int failed;

    buf_init(&text, LICENCE_MAX);
    card_write(&c->config, c->dtype, c->licence.len > 0, &text);
    failed = buf_check(&text, e) || write_text(dir, "README.md", &text, e);
    buf_release(&text);
    return failed ? -1 : 0;
}

/* config.json comes last; then the whole is read as the daemon would. */
static int write_files(struct conversion *c, const char *dir, struct err *e)
{
    if (write_model(c, dir, e) || write_text(dir, VOCABULARY, &c->vocabulary, e) ||
        (c->licence.len && write_text(dir, LICENCE, &c->licence, e)) || write_card(c, dir, e) ||
        bundle_config_write(dir, &c->config, e))
        return -1;
    return bundle_check(dir, e);
}

static int write_bundle(struct conversion *c, struct err *e)
{
    struct dir_out d;
    int failed;

    if (dir_out_open(&d, c->options->output, e))
        return err_prefix(e, "--output: ");
    failed = write_files(c, d.tmp, e) || dir_out_commit(&d, e);
    dir_out_abort(&d);
    return failed ? -1 : 0;
}

int conversion_run(const struct options *o, const volatile sig_atomic_t *stop, FILE *out,
                   struct err *e)
{
    struct conversion c = { .options = o, .stop = stop, .dtype = BUNDLE_DTYPE[o->dtype] };
    int failed;

    buf_init(&c.vocabulary, VOCABULARY_MAX);
    buf_init(&c.licence, LICENCE_MAX);
    failed = prepare(&c, out, e) || write_bundle(&c, e);
    inputs_close(&c.in);
    buf_release(&c.vocabulary);
    buf_release(&c.licence);
    if (!failed)
        fprintf(out, "written to %s; clipgend --bundle %s serves it\n", o->output, o->output);
    return failed ? -1 : 0;
}
