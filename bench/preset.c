#include "bench/preset.h"

#include "model/bundle_config.h"
#include "trainer/config.h"

/* Sizes as in the published checkpoints' tensor shapes, sampling as in the reference's demo. */
static const struct preset COCO = {
    .config = { .name = "coco-256",
                .licence = "none",
                .vocab_file = "vocab.txt",
                .clip = { .embed_dim = 512,
                          .image = { .size = 224,
                                     .patch = 32,
                                     .width = 768,
                                     .layers = 12,
                                     .heads = 12 },
                          .text = { .context = 77,
                                    .vocab = 49408,
                                    .width = 512,
                                    .layers = 12,
                                    .heads = 8 },
                          .quick_gelu = true,
                          .mean = { 0.48145466f, 0.4578275f, 0.40821073f },
                          .std = { 0.26862954f, 0.26130258f, 0.27577711f } },
                .vqgan = { .resolution = 256,
                           .ch = 128,
                           .levels = 5,
                           .mult = { 1, 1, 2, 2, 4 },
                           .res_blocks = 2,
                           .attn_resolution = 16,
                           .z_channels = 256,
                           .codebook = 16384,
                           .groups = 32,
                           .norm_eps = 1e-5f },
                .gpt = { .layers = 24,
                         .width = 1024,
                         .heads = 16,
                         .tokens = 256,
                         .vocab = 16384,
                         .cond_dim = 512 },
                .sampling = { .temperature = 1, .top_p = 0.95f, .guidance = 1, .top_k = 500 } },
    .gpt_batch = 1,
    .vqgan_batch = 1,
};

/* The recipe's defaults are those of the bundle in the repository. */
static int load_emoji(struct preset *ret_preset, struct err *e)
{
    struct config recipe = { 0 };
    struct preset p;
    if (bundle_config_read(MODELS_DIR "/emoji-64", &p.config, e) ||
        conf_defaults(CONFIG_ROWS, &recipe, e))
        return -1;
    p.gpt_batch = (int)recipe.gpt.batch;
    p.vqgan_batch = (int)recipe.vqgan.batch;
    conf_release(CONFIG_ROWS, &recipe);
    *ret_preset = p;
    return 0;
}

int preset_load(enum preset_name name, struct preset *ret_preset, struct err *e)
{
    if (name == PRESET_EMOJI)
        return load_emoji(ret_preset, e);
    *ret_preset = COCO;
    return 0;
}

int preset_print(const struct preset *p, FILE *out, struct err *e)
{
    struct buf text;
    buf_init(&text, BUNDLE_CONFIG_MAX);
    int failed = bundle_config_format(&p->config, &text, e) || buf_check(&text, e);
    if (!failed)
        fprintf(out, "{\"gpt_batch\": %d, \"vqgan_batch\": %d, \"config\": %s}\n", p->gpt_batch,
                p->vqgan_batch, text.data);
    buf_release(&text);
    return failed;
}
