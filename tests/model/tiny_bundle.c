#include "tests/model/tiny_bundle.h"

#include "base/mem.h"
#include "tests/model/tiny.h"
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

/* The values of every parameter that both lists have. */
static void copy_params(const struct param_list *from, struct param_list *to)
{
    struct err e = { 0 };

    for (int i = 0; i < from->n; i++) {
        const struct tensor *source = &from->item[i]->value;
        struct param *p = param_find(to, from->item[i]->name);
        size_t n = tensor_bytes(source);
        void *values = mem_alloc(n, 1);
        assert_non_null(p);
        assert_true(tensor_same_shape(source, &p->value));
        golden_ok(device_download(from->dev, source, 0, values, n, &e), &e);
        golden_ok(device_upload(to->dev, &p->value, 0, values, n, &e), &e);
        mem_free(values);
    }
}

struct bundle *tiny_bundle(struct device *dev, bool null_cond)
{
    struct bundle_config c = tiny_bundle_config(null_cond);
    struct err e = { 0 };
    struct tiny_vqgan vqgan;
    struct tiny_clip clip;
    struct tiny_gpt gpt;
    struct bundle *b;

    golden_ok(bundle_new(&c, dev, &b, &e), &e);
    golden_ok(param_list_reset(&b->gpt_params, 1, &e), &e);
    tiny_clip_open(&clip);
    copy_params(&clip.params, &b->clip_params);
    tiny_clip_close(&clip);
    tiny_gpt_open(&gpt);
    copy_params(&gpt.params, &b->gpt_params);
    tiny_gpt_close(&gpt);
    tiny_vqgan_open(&vqgan, c.vqgan.norm_eps);
    copy_params(&vqgan.params, &b->vqgan_params);
    tiny_vqgan_close(&vqgan);
    return b;
}
