#include "server/engine_model.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/sysmem.h"
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

static void fill_info(struct engine_model *m, const struct engine_model_options *o)
{
    const struct bundle_config *c = &m->bundle->config;
    struct engine_info *info = &m->engine.info;
    int grid = vqgan_grid(&c->vqgan);

    snprintf(info->model, sizeof info->model, "%s", c->name);
    snprintf(info->device, sizeof info->device, "weights %s on %s",
             param_format_name(m->bundle->format), device_describe(m->device));
    info->embed_dim = c->clip.embed_dim;
    info->context = c->clip.text.context;
    info->tokens = grid * grid;
    info->columns = grid;
    info->codebook = c->vqgan.codebook;
    info->side = c->vqgan.resolution;
    info->rows = o->rows;
    info->bytes = gen_bytes(m->gen);
    info->sampling = c->sampling;
}

/* Before the first page of it is touched: what does not fit would be killed in the middle of a
 * picture. */
static int check_memory(const struct engine_model *m, const struct engine_model_options *o,
                        struct err *e)
{
    size_t needed = gen_bytes(m->gen), max = o->memory_max ? o->memory_max : sysmem_available();

    if (needed <= max)
        return 0;
    return err_set(e, ERR_NOMEM,
                   "rows: caches and activations of %d rows take %zu MiB, %s is %zu MiB; fewer "
                   "rows take less",
                   o->rows, (needed >> 20) + 1, o->memory_max ? "memory_max_mib" : "available",
                   max >> 20);
}

int engine_model_open(const struct engine_model_options *o, struct engine **ret_engine,
                      struct err *e)
{
    struct engine_model *m = mem_alloc(1, sizeof *m);

    if (!m)
        return err_set(e, ERR_NOMEM, "engine: out of memory");
    m->engine.calls = &MODEL_CALLS;
    if (device_open(o->backend, o->threads, &m->device, e) ||
        bundle_open(o->bundle, m->device, o->weights, &m->bundle, e) ||
        gen_new(m->bundle, o->rows, &m->gen, e) || check_memory(m, o, e)) {
        model_close(&m->engine);
        return -1;
    }
    fill_info(m, o);
    *ret_engine = &m->engine;
    return 0;
}
