#include "tests/model/tiny_bundle.h"

#include <string.h>

#include "base/mem.h"
#include "model/weights_read.h"
#include "tests/model/golden.h"
#include "tests/test.h"

struct bundle_config tiny_bundle_config(bool null_cond)
{
    return (struct bundle_config){
        .name = "tiny",
        .licence = "none",
        .vocab_file = "vocab.txt",
        .clip = { .embed_dim = 32,
                  .image = { .size = 32, .patch = 8, .width = 64, .layers = 2, .heads = 1 },
                  .text = { .context = 16, .vocab = 100, .width = 64, .layers = 2, .heads = 1 },
                  .quick_gelu = true,
                  .mean = { 0.5f, 0.5f, 0.5f },
                  .std = { 0.5f, 0.5f, 0.5f } },
        .vqgan = { .resolution = 32,
                   .ch = 32,
                   .levels = 4,
                   .mult = { 2, 1, 1, 1 },
                   .res_blocks = 1,
                   .attn_resolution = 4,
                   .z_channels = 16,
                   .codebook = 64,
                   .groups = 32,
                   .norm_eps = 1e-5f },
        .gpt = { .layers = 2,
                 .width = 48,
                 .heads = 4,
                 .tokens = 16,
                 .vocab = 64,
                 .cond_dim = 32,
                 .null_cond = null_cond },
        .sampling = { .temperature = 1, .top_p = 0.95f, .guidance = 1, .top_k = 0 },
    };
}

/* A parameter that the reference has not keeps what it had. */
static void load_one(const struct weights *w, struct param_list *l, struct param *p)
{
    const struct weights_entry *t = weights_find(w, p->name);
    const int64_t *d = p->value.dim;
    size_t n = (size_t)tensor_count(&p->value);
    struct err e = { 0 };

    if (!t)
        return;
    float *file = mem_alloc(n, sizeof *file), *memory = mem_alloc(n, sizeof *memory);
    assert_int_equal(weights_entry_count(t), n);
    golden_ok(weights_read_f32(t, file, &e), &e);
    if (p->flags & PARAM_CONV)
        weights_filters_in(file, (size_t)d[0], (size_t)d[3], (size_t)(d[1] * d[2]), memory);
    else
        memcpy(memory, file, n * sizeof *file);
    golden_ok(param_set(l, p, memory, &e), &e);
    mem_free(file);
    mem_free(memory);
}

static void load(const char *name, struct param_list *l)
{
    struct err e = { 0 };
    struct weights *w;
    char path[512];

    snprintf(path, sizeof path, "%s/tests/data/golden/%s", test_srcdir(), name);
    golden_ok(weights_open(path, &w, &e), &e);
    for (int i = 0; i < l->n; i++)
        load_one(w, l, l->item[i]);
    weights_close(w);
}

struct bundle *tiny_bundle(struct device *dev, bool null_cond)
{
    return tiny_bundle_in(dev, null_cond, PARAM_PLAIN);
}

struct bundle *tiny_bundle_in(struct device *dev, bool null_cond, enum param_format format)
{
    struct bundle_config c = tiny_bundle_config(null_cond);
    struct err e = { 0 };
    struct bundle *b;

    golden_ok(bundle_new(&c, dev, format, &b, &e), &e);
    golden_ok(param_list_reset(&b->gpt_params, 1, &e), &e);
    load("clip_tiny.safetensors", &b->clip_params);
    load("gpt_tiny.safetensors", &b->gpt_params);
    load("vqgan_tiny.safetensors", &b->vqgan_params);
    return b;
}
