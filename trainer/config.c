#include "trainer/config.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/num.h"

#define INT(sec, key, def, lo, hi, field, help)                                                    \
    CONF_INT(sec, key, def, lo, hi, struct config, field, help)
#define REAL(sec, key, def, lo, hi, field, help)                                                   \
    CONF_REAL(sec, key, def, lo, hi, struct config, field, help)
#define BOOL(sec, key, def, field, help) CONF_BOOL(sec, key, def, struct config, field, help)
#define TEXT(sec, key, def, max, field, help)                                                      \
    CONF_STRING(sec, key, def, max, struct config, field, help)
#define CHOICE(sec, key, def, choices, field, help)                                                \
    CONF_ENUM(sec, key, def, choices, struct config, field, help)

#define BACKENDS "auto|cpu|cuda"
#define PRODUCTS "f32|bf16|f16"

/* The rows that every training stage has; `s` is its section and the prefix of its keys. */
#define TRAINING(s, steps_, batch_, rate_, warmup_, decay_, clip_, average_)                       \
    INT(#s, #s "_steps", steps_, 1, 100000000, s.steps, "training steps in all"),                  \
        INT(#s, #s "_batch", batch_, 1, 4096, s.batch, "pictures a step"),                         \
        REAL(#s, #s "_rate", rate_, 0, 1, s.rate, "peak learning rate"),                           \
        INT(#s, #s "_warmup", warmup_, 0, 1000000, s.warmup,                                       \
            "steps in which the rate rises from 0 to its peak"),                                   \
        REAL(#s, #s "_rate_end", "0.02", 0, 1, s.rate_end,                                         \
             "fraction of the peak that the half cosine ends at"),                                 \
        REAL(#s, #s "_decay", decay_, 0, 1, s.decay, "AdamW weight decay, on matrices only"),      \
        REAL(#s, #s "_clip", clip_, 0, 1e6, s.clip, "largest gradient norm; 0: no clipping"),      \
        REAL(#s, #s "_average", average_, 0, 0.99999, s.average,                                   \
             "decay of the weight average that is kept for use; 0: none"),                         \
        INT(#s, #s "_preview", "500", 0, 100000000, s.preview,                                     \
            "steps between preview pictures; 0: none")

const struct conf_row CONFIG_ROWS[] = {
    TEXT("run", "dir", "train/emoji-64", 4096, dir,
         "work folder: data, checkpoints, metrics, previews"),
    TEXT("run", "start_from", "", 4096, start_from,
         "a bundle to go on from: its sizes and vocabulary, and its weights instead of random "
         "ones; a "
         "CLIP or VQGAN that is not trained is taken from it as it is"),
    INT("run", "seed", "1", 0, 9007199254740992.0, seed, "of everything random in every stage"),
    CHOICE("run", "backend", "auto", BACKENDS, backend,
           "device; auto takes CUDA when it is usable"),
    CHOICE("run", "products", "f32", PRODUCTS, products,
           "what operands of large products are rounded to on a GPU; sums and all else are f32"),
    INT("run", "threads", "0", 0, 256, threads, "CPU threads; 0: as many as there are cores"),
    INT("run", "save_s", "120", 1, 86400, save_s, "seconds between checkpoints"),
    INT("run", "stop_after", "0", 0, 100000000, stop_after,
        "steps after which this run saves and stops, for the next to go on; 0: none"),

    CHOICE("data", "source", "emoji", "emoji|folder", source,
           "emoji: Debian's Noto font; folder: your own PNG, JPEG and WebP files"),
    TEXT("data", "folder", "", 4096, folder,
         "pictures for source = folder; name.txt beside name.png is its caption"),
    TEXT("data", "font", "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf", 4096, font,
         "from Debian's fonts-noto-color-emoji"),
    TEXT("data", "emoji_test", "/usr/share/unicode/emoji/emoji-test.txt", 4096, emoji_test,
         "from Debian's unicode-data"),
    TEXT("data", "annotations", "/usr/share/unicode/cldr/common", 4096, annotations,
         "from Debian's unicode-cldr-core"),
    INT("data", "side", "64", 16, 1024, side, "side of a training picture in pixels"),
    REAL("data", "two_objects", "0.05", 0, 1, two_objects,
         "fraction of scenes with two objects (emoji only)"),
    REAL("data", "size_min", "0.84", 0.1, 1, size_min,
         "least size of an object, its longer side as a part of the picture's (emoji only)"),
    REAL("data", "size_max", "0.94", 0.1, 1, size_max, "greatest size of an object"),
    BOOL("data", "flip", "no", flip, "mirror half of the objects that may be mirrored"),
    INT("data", "vocab_merges", "1500", 0, 48894, vocab_merges,
        "most byte-pair merges learned from the captions; few captions give fewer"),
    BOOL("data", "hold_out_objects", "no", hold_out_objects,
         "leave the 54 zero-shot objects out of training"),

    TEXT("clip", "clip_pretrained", "", 4096, clip_pretrained,
         "a bundle whose CLIP is taken as it is, instead of training one"),
    TEXT("clip", "clip_vocab", "", 4096, clip_vocab,
         "merges file; empty: the pretrained CLIP's own, else the one learned from the captions"),
    INT("clip", "clip_embed", "128", 8, 4096, clip_embed, "width of the shared space"),
    INT("clip", "clip_patch", "8", 1, 256, clip_patch, "side of a patch in pixels"),
    INT("clip", "clip_width", "192", 8, 4096, clip_width, "width of the image tower"),
    INT("clip", "clip_layers", "4", 1, 64, clip_layers, "blocks of the image tower"),
    INT("clip", "clip_heads", "6", 1, 64, clip_heads, "attention heads of the image tower"),
    INT("clip", "clip_context", "32", 4, 512, clip_context, "tokens of a caption"),
    INT("clip", "clip_text_width", "128", 8, 4096, clip_text_width, "width of the text tower"),
    INT("clip", "clip_text_layers", "3", 1, 64, clip_text_layers, "blocks of the text tower"),
    INT("clip", "clip_text_heads", "4", 1, 64, clip_text_heads,
        "attention heads of the text tower"),
    REAL("clip", "clip_rebuilt", "0.3", 0, 0.9, clip_rebuilt,
         "fraction of pictures seen as the VQGAN rebuilds them, for CLIP scores drawn pictures; "
         "0: none, and no VQGAN is needed"),
    REAL("clip", "clip_alike", "0.75", 0, 1, clip_alike,
         "fraction of a batch's pictures on one background, so that objects are what tells them "
         "apart (emoji only)"),
    TRAINING(clip, "2000", "256", "1e-3", "200", "0.05", "1", "0.998"),

    INT("vqgan", "vqgan_ch", "24", 4, 1024, vqgan_ch, "channels at full resolution"),
    TEXT("vqgan", "vqgan_mult", "1,2,4,4", 64, vqgan_mult,
         "channels of each level as multiples of vqgan_ch; every further level halves the side"),
    INT("vqgan", "vqgan_res_blocks", "1", 1, 8, vqgan_res_blocks,
        "residual blocks a level (the decoder has one more)"),
    INT("vqgan", "vqgan_attn", "0", 0, 1024, vqgan_attn,
        "attention where the side is this; 0: in the middle only"),
    INT("vqgan", "vqgan_z", "16", 2, 1024, vqgan_z, "width of a codebook entry"),
    INT("vqgan", "vqgan_codebook", "192", 2, 65536, vqgan_codebook, "entries of the codebook"),
    INT("vqgan", "vqgan_groups", "8", 1, 64, vqgan_groups, "groups of the group norms"),
    BOOL("vqgan", "vqgan_unit_codes", "yes", vqgan_unit_codes,
         "vectors and codebook rows on the unit sphere"),
    REAL("vqgan", "vqgan_beta", "0.25", 0, 100, vqgan_beta,
         "weight of the codebook term against the commitment term"),
    REAL("vqgan", "vqgan_quantizer", "1", 0, 100, vqgan_quantizer,
         "weight of the quantiser's loss"),
    REAL("vqgan", "vqgan_l2", "1", 0, 100, vqgan_l2, "weight of the squared error beside L1"),
    REAL("vqgan", "vqgan_local", "5", 0, 1000, vqgan_local,
         "weight of the difference that another background makes to the vector of the same patch "
         "(emoji only); 0: none"),
    TEXT("vqgan", "perceptual", "", 4096, perceptual,
         "LPIPS network (safetensors) for a perceptual loss; empty: none"),
    REAL("vqgan", "perceptual_weight", "1", 0, 100, perceptual_weight,
         "weight of the perceptual loss beside L1"),
    INT("vqgan", "restart_every", "100", 0, 1000000, restart_every,
        "steps between restarts of dead codebook entries; 0: never"),
    REAL("vqgan", "restart_below", "0.03", 0, 1, restart_below,
         "an entry used less than this fraction of the average is dead"),
    INT("vqgan", "disc_ch", "32", 1, 512, disc_ch, "channels of the discriminator"),
    INT("vqgan", "disc_layers", "2", 1, 5, disc_layers, "layers of the discriminator"),
    INT("vqgan", "gan_start", "4000", 0, 100000000, gan_start, "first step with the discriminator"),
    INT("vqgan", "gan_warmup", "500", 0, 100000000, gan_warmup,
        "steps in which the discriminator learns before the generator listens"),
    REAL("vqgan", "gan_weight", "0", 0, 100, gan_weight,
         "times the adaptive weight of the paper; 0: no GAN"),
    REAL("vqgan", "gan_rate", "2e-4", 0, 1, gan_rate, "learning rate of the discriminator"),
    TRAINING(vqgan, "5000", "16", "1e-3", "100", "0", "1", "0.99"),

    INT("gpt", "gpt_layers", "6", 1, 128, gpt_layers, "transformer blocks"),
    INT("gpt", "gpt_width", "256", 8, 8192, gpt_width, "width of the transformer"),
    INT("gpt", "gpt_heads", "8", 1, 128, gpt_heads, "attention heads"),
    REAL("gpt", "gpt_dropout", "0.0", 0, 0.9, gpt_dropout, "dropout on embeddings and residuals"),
    REAL("gpt", "gpt_noise", "0.05", 0, 10, gpt_noise,
         "noise on the condition, standard deviation a dimension"),
    BOOL("gpt", "gpt_centred", "yes", gpt_centred,
         "subtract the mean embedding of each modality (C3) against the modality gap"),
    REAL("gpt", "gpt_null", "0.1", 0, 0.9, gpt_null,
         "fraction of pictures trained without condition, for classifier-free guidance"),
    REAL("gpt", "gpt_plain", "0.5", 0, 1, gpt_plain,
         "last fraction of the steps, in which a single object stands in the middle, at middle "
         "size: where the model is to draw it"),
    REAL("gpt", "gpt_codes", "0.01", 0, 10, gpt_codes,
         "temperature of drawing a token among the codes nearest to its patch; 0: the nearest"),
    TRAINING(gpt, "30000", "16", "1.4e-3", "200", "0.01", "1", "0.998"),

    TEXT("bundle", "bundle_name", "emoji-64", 63, bundle_name, "name that the daemon reports"),
    TEXT("bundle", "bundle_dir", "models/emoji-64", 4096, bundle_dir,
         "where the bundle is written"),
    TEXT("bundle", "bundle_licence", "Apache-2.0 (weights trained on Noto Color Emoji, OFL 1.1)",
         255, bundle_licence, "licence of the weights, for config.json"),
    CHOICE("bundle", "bundle_dtype", "f16", BUNDLE_DTYPES, bundle_dtype,
           "storage of the weights; q8_0, q4_0: of the transformer's and CLIP's matrices"),
    REAL("bundle", "temperature", "0.45", 0, SAMPLING_TEMPERATURE_MAX, temperature,
         "default of a request"),
    INT("bundle", "top_k", "0", 0, SAMPLING_TOP_K_MAX, top_k, "default of a request; 0: all"),
    REAL("bundle", "top_p", "0.9", 0, 1, top_p, "default of a request; 1: all"),
    REAL("bundle", "guidance", "3", SAMPLING_GUIDANCE_MIN, SAMPLING_GUIDANCE_MAX, guidance,
         "default guidance scale of a request; 1: none"),

    INT("eval", "eval_prompts", "200", 1, 100000, eval_prompts, "held-out prompts"),
    CHOICE("eval", "eval_weights", "auto", PARAM_FORMATS, eval_weights,
           "format of matrices in memory, as clipgend's weights"),
    INT("eval", "eval_seed", "7", 0, 9007199254740992.0, eval_seed, "of prompts and pictures"),
    CONF_END,
};

static int parse_mult(const char *text, struct vqgan_config *v, struct err *e)
{
    char word[16];
    v->levels = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ",");
        if (n == 0 || n >= sizeof word || v->levels == VQGAN_LEVELS_MAX)
            return err_set(e, ERR_INVALID,
                           "vqgan_mult: '%s' is not a list of up to %d numbers with commas", text,
                           VQGAN_LEVELS_MAX);
        memcpy(word, p, n);
        word[n] = '\0';
        int64_t mult;
        if (num_parse_int(word, "vqgan_mult", 1, 64, &mult, e))
            return -1;
        v->mult[v->levels++] = (int)mult;
        p += n + (p[n] == ',');
    }
    return 0;
}

static void clip_sizes(const struct config *c, struct clip_config *clip)
{
    *clip = (struct clip_config){
        .embed_dim = (int)c->clip_embed,
        .image = { (int)c->side, (int)c->clip_patch, (int)c->clip_width, (int)c->clip_layers,
                   (int)c->clip_heads },
        .text = { (int)c->clip_context, TOKENIZER_FIXED + (int)c->vocab_merges,
                  (int)c->clip_text_width, (int)c->clip_text_layers, (int)c->clip_text_heads },
        .quick_gelu = true,
        .mean = { 0.48145466f, 0.4578275f, 0.40821073f },
        .std = { 0.26862954f, 0.26130258f, 0.27577711f },
    };
}

static int vqgan_sizes(const struct config *c, struct vqgan_config *v, struct err *e)
{
    *v = (struct vqgan_config){
        .resolution = (int)c->side,
        .ch = (int)c->vqgan_ch,
        .res_blocks = (int)c->vqgan_res_blocks,
        .attn_resolution = (int)c->vqgan_attn,
        .z_channels = (int)c->vqgan_z,
        .codebook = (int)c->vqgan_codebook,
        .groups = (int)c->vqgan_groups,
        .norm_eps = 1e-5f,
        .unit_codes = c->vqgan_unit_codes,
    };
    return parse_mult(c->vqgan_mult, v, e);
}

static void gpt_sizes(const struct config *c, const struct bundle_config *n, struct gpt_config *g)
{
    int grid = vqgan_grid(&n->vqgan);
    *g = (struct gpt_config){
        .layers = (int)c->gpt_layers,
        .width = (int)c->gpt_width,
        .heads = (int)c->gpt_heads,
        .tokens = grid * grid,
        .vocab = n->vqgan.codebook,
        .cond_dim = n->clip.embed_dim,
        .dropout = (float)c->gpt_dropout,
        .null_cond = c->gpt_null > 0,
    };
}

static int sizes_of_recipe(const struct config *c, struct bundle_config *n, struct err *e)
{
    struct bundle_config other;
    if (*c->clip_pretrained && bundle_config_read(c->clip_pretrained, &other, e))
        return err_prefix(e, "clip_pretrained: ");
    if (*c->clip_pretrained)
        n->clip = other.clip;
    else
        clip_sizes(c, &n->clip);
    if (vqgan_sizes(c, &n->vqgan, e) || clip_config_check(&n->clip, e) ||
        vqgan_config_check(&n->vqgan, e))
        return -1;
    gpt_sizes(c, n, &n->gpt);
    return gpt_config_check(&n->gpt, e);
}

/* What the weights of the other bundle are made for; the rest is the recipe's. */
static int sizes_of_start(const struct config *c, struct bundle_config *n, struct err *e)
{
    struct bundle_config other;
    if (*c->clip_pretrained)
        return err_set(e, ERR_INVALID, "clip_pretrained: '%s' excludes start_from '%s'",
                       c->clip_pretrained, c->start_from);
    if (bundle_config_read(c->start_from, &other, e))
        return err_prefix(e, "start_from: ");
    if (c->side != other.vqgan.resolution)
        return err_set(e, ERR_INVALID, "side: %lld is not the %d of start_from '%s'",
                       (long long)c->side, other.vqgan.resolution, c->start_from);
    if (c->gpt_null > 0 && !other.gpt.null_cond)
        return err_set(e, ERR_INVALID, "gpt_null: must be 0: start_from '%s' has no null condition",
                       c->start_from);
    n->clip = other.clip;
    n->vqgan = other.vqgan;
    n->gpt = other.gpt;
    n->gpt.dropout = (float)c->gpt_dropout;
    n->centred = other.centred;
    return 0;
}

int config_networks(const struct config *c, struct bundle_config *ret_networks, struct err *e)
{
    struct bundle_config n = { .centred = c->gpt_centred };
    if (*c->start_from ? sizes_of_start(c, &n, e) : sizes_of_recipe(c, &n, e))
        return -1;
    snprintf(n.name, sizeof n.name, "%s", c->bundle_name);
    snprintf(n.licence, sizeof n.licence, "%s", c->bundle_licence);
    snprintf(n.vocab_file, sizeof n.vocab_file, "vocab.txt");
    n.sampling =
        (struct bundle_sampling){ .temperature = (float)c->temperature,
                                  .top_p = (float)c->top_p,
                                  /* without a null condition there is nothing to guide away from */
                                  .guidance = n.gpt.null_cond ? (float)c->guidance : 1,
                                  .top_k = (int)c->top_k };
    *ret_networks = n;
    return 0;
}

struct disc_config config_disc(const struct config *c)
{
    return (struct disc_config){ .ch = (int)c->disc_ch, .layers = (int)c->disc_layers };
}

const struct config_training *config_training(const struct config *c, const char *stage)
{
    const struct {
        const char *stage;
        const struct config_training *training;
    } sections[] = { { "clip", &c->clip }, { "vqgan", &c->vqgan }, { "gpt", &c->gpt } };
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (!strcmp(sections[i].stage, stage))
            return sections[i].training;
    return NULL;
}

enum dtype config_products(const struct config *c)
{
    static const enum dtype TYPES[] = { DTYPE_F32, DTYPE_BF16, DTYPE_F16 }; /* as in PRODUCTS */
    return TYPES[c->products];
}

const char *config_backend(const struct config *c)
{
    static const char *const NAMES[] = { "auto", "cpu", "cuda" }; /* order of BACKENDS */
    return NAMES[c->backend];
}

char *config_path(const struct config *c, const char *name)
{
    return file_join(c->dir, name);
}
