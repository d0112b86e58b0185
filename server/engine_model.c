#include "server/engine_model.h"

#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernels/device.h"

struct engine_model {
    struct engine engine; /* first: an engine is cast back to this */
    struct device *device;
    struct bundle *bundle;
    struct gen *gen;
};

static struct gen *gen_of(const struct engine *g)
{
    return ((const struct engine_model *)g)->gen;
}

static int model_tokenize(const struct engine *g, const char *text, size_t n, int32_t *ret_ids,
                          int *ret_end, struct err *e)
{
    const struct engine_model *m = (const struct engine_model *)g;
    struct tokenizer_result result;

    if (tokenizer_encode(m->bundle->tokenizer, text, n, g->info.context, ret_ids, &result, e))
        return -1;
    *ret_end = result.end;
    return 0;
}

static int model_fit_image(const struct engine *g, const struct image *img, struct image *ret_img,
                           struct err *e)
{
    return gen_fit_image(gen_of(g), img, ret_img, e);
}

static int model_fit_picture(const struct engine *g, const struct image *img, struct image *ret_img,
                             struct err *e)
{
    return gen_fit_picture(gen_of(g), img, ret_img, e);
}

static int model_embed_text(struct engine *g, const int32_t *ids, int end, float *ret_embed,
                            struct err *e)
{
    return gen_embed_text(gen_of(g), ids, end, ret_embed, e);
}

static int model_embed_image(struct engine *g, const struct image *img, float *ret_embed,
                             struct err *e)
{
    return gen_embed_image(gen_of(g), img, ret_embed, e);
}

static int model_condition(struct engine *g, const float *embed, enum gen_source source,
                           float *ret_cond, struct err *e)
{
    return gen_condition(gen_of(g), embed, source, ret_cond, e);
}

static int model_rows_free(const struct engine *g)
{
    return gen_rows_free(gen_of(g));
}

static int model_rows_needed(const struct engine *g, const struct gen_settings *s)
{
    (void)g;
    return gen_rows_needed(s);
}

static int model_admit(struct engine *g, const float *cond, const float *negative,
                       const struct gen_settings *s, int *ret_slot, struct err *e)
{
    return gen_admit(gen_of(g), cond, negative, s, ret_slot, e);
}

static int model_step(struct engine *g, struct err *e)
{
    return gen_step(gen_of(g), e);
}

static int model_position(const struct engine *g, int slot)
{
    return gen_position(gen_of(g), slot);
}

static const int32_t *model_tokens(const struct engine *g, int slot)
{
    return gen_tokens(gen_of(g), slot);
}

static void model_drop(struct engine *g, int slot)
{
    gen_drop(gen_of(g), slot);
}

static int model_decode(struct engine *g, const int32_t *tokens, struct image *ret_img,
                        struct err *e)
{
    return gen_decode(gen_of(g), tokens, ret_img, e);
}

static int model_encode(struct engine *g, const struct image *img, int32_t *ret_tokens,
                        struct err *e)
{
    return gen_encode(gen_of(g), img, ret_tokens, e);
}

static void model_close(struct engine *g)
{
    struct engine_model *m = (struct engine_model *)g;

    gen_free(m->gen);
    bundle_close(m->bundle);
    device_close(m->device);
    mem_free(m);
}

static const struct engine_calls MODEL_CALLS = {
    .tokenize = model_tokenize,
    .fit_image = model_fit_image,
    .fit_picture = model_fit_picture,
    .embed_text = model_embed_text,
    .embed_image = model_embed_image,
    .condition = model_condition,
    .rows_free = model_rows_free,
    .rows_needed = model_rows_needed,
    .admit = model_admit,
    .step = model_step,
    .position = model_position,
    .tokens = model_tokens,
    .drop = model_drop,
    .decode = model_decode,
    .encode = model_encode,
    .close = model_close,
};

/* ---- what it is ---- */

static uint64_t version_of(const char *dir, const struct bundle_config *c)
{
    const char *const NAMES[] = { BUNDLE_CONFIG, BUNDLE_WEIGHTS, c->vocab_file };
    uint64_t version = 0;

    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char *path = file_join(dir, NAMES[i]);
        version = version * 31 + (path ? file_version(path) : 0);
        mem_free(path);
    }
    return version;
}

static void fill_info(const struct bundle_config *c, const char *path,
                      const struct engine_model_options *o, struct engine_info *info)
{
    int grid = vqgan_grid(&c->vqgan);

    *info = (struct engine_info){
        .embed_dim = c->clip.embed_dim,
        .context = c->clip.text.context,
        .tokens = grid * grid,
        .columns = grid,
        .codebook = c->vqgan.codebook,
        .side = c->vqgan.resolution,
        .rows = o->rows,
        .sampling = c->sampling,
    };
    snprintf(info->model, sizeof info->model, "%s", c->name);
    info->version = version_of(path, c);
}

/* format: as it is held. */
static void describe(const struct device *dev, enum param_format format, struct engine_info *info)
{
    snprintf(info->device, sizeof info->device, "weights %s on %s", param_format_name(format),
             device_describe(dev));
}

static int plan_bytes(const struct bundle_config *c, struct device *dev, enum param_format format,
                      struct engine_info *info, struct err *e)
{
    struct bundle *b;
    int failed;

    if (bundle_plan(c, dev, format, &b, &info->weights_bytes, e))
        return -1;
    failed = gen_plan(b, info->rows, &info->work_bytes, e);
    bundle_close(b);
    return failed;
}

static int plan(const void *ctx, const char *path, struct engine_info *ret_info, struct err *e)
{
    const struct engine_model_options *o = ctx;
    struct bundle_config c;
    enum param_format format;
    struct device *dev;
    int failed;

    if (bundle_config_read(path, &c, e) || bundle_format(path, o->weights, &format, e) ||
        device_open(o->backend, o->threads, &dev, e))
        return -1;
    fill_info(&c, path, o, ret_info);
    describe(dev, format, ret_info);
    failed = plan_bytes(&c, dev, format, ret_info, e);
    device_close(dev);
    return failed;
}

/* ---- opening ---- */

static int open_parts(struct engine_model *m, const char *path,
                      const struct engine_model_options *o, struct err *e)
{
    struct engine_info *info = &m->engine.info;

    if (device_open(o->backend, o->threads, &m->device, e) ||
        bundle_open(path, m->device, o->weights, &m->bundle, e) ||
        gen_new(m->bundle, o->rows, &m->gen, e))
        return -1;
    fill_info(&m->bundle->config, path, o, info);
    describe(m->device, m->bundle->format, info);
    return plan_bytes(&m->bundle->config, m->device, m->bundle->format, info, e);
}

static int open_engine(const void *ctx, const char *path, struct engine **ret_engine, struct err *e)
{
    struct engine_model *m = mem_alloc(1, sizeof *m);

    if (!m)
        return err_set(e, ERR_NOMEM, "engine: out of memory");
    m->engine.calls = &MODEL_CALLS;
    if (open_parts(m, path, ctx, e)) {
        model_close(&m->engine);
        return -1;
    }
    *ret_engine = &m->engine;
    return 0;
}

struct engine_source engine_model_source(const struct engine_model_options *o)
{
    return (struct engine_source){ .plan = plan, .open = open_engine, .ctx = o };
}
