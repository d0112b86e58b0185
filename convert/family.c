#include "convert/family.h"

#include <stdio.h>
#include <string.h>

#include "convert/vqgan_names.h"

#define DIM_MAX (1 << 24)
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, false                                                                          \
    }

/* ---- CLIP ---- */

static const struct rename_rule NO_RULES[] = { END };

static const struct rename_rule HF_CLIP[] = {
    { "logit_scale", "logit_scale", false },
    { "visual.class_embedding", "vision_model.embeddings.class_embedding", false },
    { "visual.positional_embedding", "vision_model.embeddings.position_embedding.weight", false },
    { "visual.conv1.*", "vision_model.embeddings.patch_embedding.*", false },
    { "visual.ln_pre.*", "vision_model.pre_layrnorm.*", false }, /* sic */
    { "visual.ln_post.*", "vision_model.post_layernorm.*", false },
    { "visual.proj", "visual_projection.weight", true },
    { "token_embedding.weight", "text_model.embeddings.token_embedding.weight", false },
    { "positional_embedding", "text_model.embeddings.position_embedding.weight", false },
    { "ln_final.*", "text_model.final_layer_norm.*", false },
    { "text_projection", "text_projection.weight", true },
    END,
};
static const struct rename_rule HF_CLIP_BLOCKS[] = {
    { "visual.transformer.resblocks.#.", "vision_model.encoder.layers.#.", false },
    { "transformer.resblocks.#.", "text_model.encoder.layers.#.", false },
    END,
};
static const struct rename_rule HF_CLIP_PARTS[] = {
    { "ln_1.*", "layer_norm1.*", false },
    { "ln_2.*", "layer_norm2.*", false },
    { "attn.in_proj_*", "self_attn.@_proj.*", false },
    { "attn.out_proj.*", "self_attn.out_proj.*", false },
    { "mlp.c_fc.*", "mlp.fc1.*", false },
    { "mlp.c_proj.*", "mlp.fc2.*", false },
    END,
};
static const char *const HF_CLIP_IGNORED[] = { "text_model.embeddings.position_ids",
                                               "vision_model.embeddings.position_ids", NULL };

/* OpenCLIP with a text tower of its own class. */
static const struct rename_rule TEXT_APART[] = {
    { "logit_scale", "logit_scale", false },
    { "visual.*", "visual.*", false },
    { "*", "text.*", false },
    END,
};

static const char *const OPENAI_IGNORED[] = { "input_resolution", "context_length", "vocab_size",
                                              "attn_mask",        "text.attn_mask", NULL };

/* ---- VQGAN: from the names of convert/vqgan_names.h ---- */

static const struct rename_rule TAMING[] = {
    { "encoder.final.0.*", "encoder.norm_out.*", false },
    { "encoder.final.2.*", "encoder.conv_out.*", false },
    { "encoder.final.3.*", "quant_conv.*", false },
    { "encoder.conv_in.*", "encoder.conv_in.*", false },
    { "decoder.quant_conv_in.*", "post_quant_conv.*", false },
    { "decoder.conv_in.*", "decoder.conv_in.*", false },
    { "decoder.final.0.*", "decoder.norm_out.*", false },
    { "decoder.final.2.*", "decoder.conv_out.*", false },
    { "quantizer.embedding.weight", "quantize.embedding.weight", false },
    END,
};
static const struct rename_rule MIN_DALLE[] = {
    { "decoder.quant_conv_in.*", "post_quant_conv.*", false },
    { "decoder.conv_in.*", "decoder.conv_in.*", false },
    { "decoder.final.0.*", "decoder.norm_out.*", false },
    { "decoder.final.2.*", "decoder.conv_out.*", false },
    { "quantizer.embedding.weight", "embedding.weight", false },
    END,
};
static const struct rename_rule TAMING_LAYERS[] = {
    { "encoder.#.res.#.", "encoder.down.#.block.#.", false },
    { "encoder.#.attn.#.", "encoder.down.#.attn.#.", false },
    { "encoder.#.change.", "encoder.down.#.downsample.", false },
    { "encoder.mid.0.", "encoder.mid.block_1.", false },
    { "encoder.mid.1.", "encoder.mid.attn_1.", false },
    { "encoder.mid.2.", "encoder.mid.block_2.", false },
    { "decoder.mid.0.", "decoder.mid.block_1.", false },
    { "decoder.mid.1.", "decoder.mid.attn_1.", false },
    { "decoder.mid.2.", "decoder.mid.block_2.", false },
    { "decoder.#.res.#.", "decoder.up.#.block.#.", false },
    { "decoder.#.attn.#.", "decoder.up.#.attn.#.", false },
    { "decoder.#.change.", "decoder.up.#.upsample.", false },
    END,
};
static const struct rename_rule LLAMAGEN_LAYERS[] = {
    { "encoder.#.res.#.", "encoder.conv_blocks.#.res.#.", false },
    { "encoder.#.attn.#.", "encoder.conv_blocks.#.attn.#.", false },
    { "encoder.#.change.", "encoder.conv_blocks.#.downsample.", false },
    { "encoder.mid.#.", "encoder.mid.#.", false },
    { "decoder.mid.#.", "decoder.mid.#.", false },
    { "decoder.#.res.#.", "decoder.conv_blocks.#.res.#.", false },
    { "decoder.#.attn.#.", "decoder.conv_blocks.#.attn.#.", false },
    { "decoder.#.change.", "decoder.conv_blocks.#.upsample.", false },
    END,
};
static const struct rename_rule TAMING_PARTS[] = {
    { "block.0.*", "norm1.*", false },
    { "block.2.*", "conv1.*", false },
    { "block.3.*", "norm2.*", false },
    { "block.6.*", "conv2.*", false },
    { "shortcut.*", "nin_shortcut.*", false },
    { "norm.*", "norm.*", false },
    { "attn.in_proj_*", "@.*", false },
    { "attn.out_proj.*", "proj_out.*", false },
    { "conv.*", "conv.*", false },
    END,
};
static const char *const TAMING_IGNORED[] = { "loss.*", "colorize", NULL };
static const char *const LLAMAGEN_IGNORED[] = { "quantize.codebook_used", NULL };
static const char *const HFAILAB_VQGAN_IGNORED[] = { "discriminator.*", NULL };

/* ---- GPT ---- */

static const char *const HFAILAB_GPT_IGNORED[] = { "blocks.#.mask", NULL };

static const char *const NONE_IGNORED[] = { NULL };

/* A family that is a special case of another stands before it. Without rules the names are ours. */
static const struct family FAMILIES[] = {
    {
        .network = NETWORK_CLIP,
        .name = "Hugging Face CLIPModel",
        .sign = "vision_model.embeddings.class_embedding",
        .rules = { HF_CLIP, HF_CLIP_BLOCKS, HF_CLIP_PARTS },
        .ignored = HF_CLIP_IGNORED,
        .configure = family_clip_configure,
    },
    {
        .network = NETWORK_CLIP,
        .name = "OpenCLIP, text tower apart",
        .sign = "text.token_embedding.weight",
        .rules = { TEXT_APART, NO_RULES, NO_RULES },
        .ignored = OPENAI_IGNORED,
        .configure = family_clip_configure,
    },
    {
        .network = NETWORK_CLIP,
        .name = "CLIP in OpenAI's names",
        .sign = "visual.class_embedding",
        .ignored = OPENAI_IGNORED,
        .configure = family_clip_configure,
    },
    {
        .network = NETWORK_GPT,
        .name = "HFAiLab GPT",
        .sign = "blocks.0.encoder.self_attn.in_proj_weight",
        .ignored = HFAILAB_GPT_IGNORED,
        .configure = family_gpt_configure,
    },
    {
        .network = NETWORK_VQGAN,
        .name = "HFAiLab VQGAN",
        .sign = "decoder.quant_conv_in.weight",
        .ignored = HFAILAB_VQGAN_IGNORED,
        .configure = family_vqgan_configure_counted,
        .norm_eps = 1e-5f,
    },
    {
        .network = NETWORK_VQGAN,
        .name = "LlamaGen VQ",
        .sign = "decoder.conv_blocks.0.res.0.norm1.weight",
        .rules = { TAMING, LLAMAGEN_LAYERS, TAMING_PARTS },
        .ignored = LLAMAGEN_IGNORED,
        .configure = family_vqgan_configure,
        .norm_eps = 1e-6f,
        .unit_codes = true,
        .decoder_from_bottom = true,
    },
    {
        .network = NETWORK_VQGAN,
        .name = "min-dalle VQGAN decoder",
        .sign = "embedding.weight",
        .rules = { MIN_DALLE, TAMING_LAYERS, TAMING_PARTS },
        .ignored = NONE_IGNORED,
        .configure = family_vqgan_configure,
        .norm_eps = 1e-6f,
        .unit_range = true,
        .decoder_only = true,
    },
    {
        .network = NETWORK_VQGAN,
        .name = "taming-transformers VQGAN",
        .sign = "quantize.embedding.weight",
        .rules = { TAMING, TAMING_LAYERS, TAMING_PARTS },
        .ignored = TAMING_IGNORED,
        .configure = family_vqgan_configure,
        .norm_eps = 1e-6f,
    },
};
#define N_FAMILIES (sizeof FAMILIES / sizeof *FAMILIES)

/* Checkpoints that people will try, and why they are not taken. */
static const struct {
    const char *sign, *words;
} STRANGERS[] = {
    { "visual.layer1.0.conv1.weight",
      "a CLIP whose image tower is a ResNet; only vision transformers (ViT) are built" },
    { "quantize.embed.weight", "a VQGAN with a Gumbel quantiser; only nearest codes are built" },
    { "cls_embedding.embedding_table.weight", "a LlamaGen transformer of classes, not of CLIP" },
    { "cls_embedding.uncond_embedding", "a LlamaGen transformer of T5 text, not of CLIP" },
    { "transformer.blocks.0.attn.key.weight",
      "a taming-transformers transformer, which is not conditioned on CLIP" },
    { "wte.weight", "a GPT-2 for text" },
    { "transformer.wte.weight", "a GPT-2 for text" },
    { "net.slice1.0.weight", "LPIPS, which only training uses" },
};

/* ---- */

const char *family_network_name(enum network n)
{
    static const char *const NAMES[] = { "clip", "gpt", "vqgan" };

    return NAMES[n];
}

static int set_unknown(enum network n, const struct tensors *t, struct err *e)
{
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (tensors_find(t, FAMILIES[i].sign))
            return err_set(e, ERR_FORMAT, "this is %s, not a file for --%s", FAMILIES[i].name,
                           family_network_name(n));
    for (size_t i = 0; i < sizeof STRANGERS / sizeof *STRANGERS; i++)
        if (tensors_find(t, STRANGERS[i].sign))
            return err_set(e, ERR_UNSUPPORTED, "this is %s", STRANGERS[i].words);
    return err_set(e, ERR_FORMAT,
                   "no family of --%s has tensors of these names (the first is %.64s); --inspect "
                   "lists them, --key chooses among dictionaries",
                   family_network_name(n), t->item[0].name);
}

int family_recognise(enum network n, const struct tensors *t, const struct family **ret_family,
                     struct err *e)
{
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (FAMILIES[i].network == n && tensors_find(t, FAMILIES[i].sign)) {
            *ret_family = &FAMILIES[i];
            return 0;
        }
    return set_unknown(n, t, e);
}

const struct family *family_of_sign(const char *sign)
{
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (!strcmp(FAMILIES[i].sign, sign))
            return &FAMILIES[i];
    return NULL;
}

bool family_rename(const struct family *f, const struct networks *n, const char *ours,
                   struct renamed *ret)
{
    char place[TENSORS_NAME_MAX + 1];

    if (!f->rules.whole || f->network != NETWORK_VQGAN)
        return rename_apply(family_rules(f), ours, ret);
    vqgan_place_name(&n->vqgan, f->decoder_from_bottom, ours, place);
    return rename_apply(&f->rules, place, ret);
}

bool family_ignores(const struct family *f, const char *name)
{
    for (const char *const *pattern = f->ignored; *pattern; pattern++)
        if (rename_matches(*pattern, name))
            return true;
    return false;
}

int family_dim(const struct view *v, int i)
{
    return i < v->n_dims && v->dim[i] <= DIM_MAX ? (int)v->dim[i] : 0;
}

const struct rename_rules *family_rules(const struct family *f)
{
    return f->rules.whole ? &f->rules : &RENAME_SAME;
}

int family_need(const struct family *f, const struct tensors *t, const char *ours,
                struct view *ret_view, struct err *e)
{
    struct renamed r;

    if (rename_find(family_rules(f), t, ours, ret_view))
        return 0;
    return err_set(e, ERR_FORMAT, "tensor %.96s is missing",
                   rename_apply(family_rules(f), ours, &r) ? r.name[0] : ours);
}

int family_count(const struct family *f, const struct tensors *t, const char *prefix,
                 const char *suffix)
{
    char name[TENSORS_NAME_MAX + 1];
    struct view v;
    int n = 0;

    do
        snprintf(name, sizeof name, "%s%d%s", prefix, n, suffix);
    while (rename_find(family_rules(f), t, name, &v) && ++n < TENSORS_MAX);
    return n;
}

int family_heads(const char *option, int64_t given, int width, int *ret_heads, struct err *e)
{
    if (!given && width % 64)
        return err_set(e, ERR_INVALID,
                       "%s: no tensor tells the number of heads, and a width of %d is no multiple "
                       "of the usual 64; give --%s",
                       option, width, option);
    *ret_heads = given ? (int)given : width / 64;
    return 0;
}
