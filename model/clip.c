#include "model/clip.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"

#define LOGIT_SCALE_START 2.6592600f /* ln(1 / 0.07) */

static const struct nn_block_names NAMES = {
    .ln1 = "ln_1",
    .ln2 = "ln_2",
    .qkv = "attn.in_proj_weight",
    .qkv_bias = "attn.in_proj_bias",
    .proj = "attn.out_proj",
    .fc = "mlp.c_fc",
    .fc_out = "mlp.c_proj",
};

/* ---- configuration ---- */

static int check_multiple(const char *field, int value, const char *of_field, int of, struct err *e)
{
    return value % of ? err_set(e, ERR_INVALID, "clip.%s: %d is no multiple of clip.%s %d", field,
                                value, of_field, of)
                      : 0;
}

static int check_pixels(const struct clip_config *c, struct err *e)
{
    for (int i = 0; i < 3; i++) {
        if (!(c->mean[i] >= 0 && c->mean[i] <= 1))
            return err_set(e, ERR_INVALID, "clip.mean: %g is outside 0..1", (double)c->mean[i]);
        if (!(c->std[i] >= 0.001f && c->std[i] <= 10))
            return err_set(e, ERR_INVALID, "clip.std: %g is outside 0.001..10", (double)c->std[i]);
    }
    return 0;
}

int clip_config_check(const struct clip_config *c, struct err *e)
{
    const struct nn_limit limits[] = {
        { "embed_dim", c->embed_dim, 1, 8192 },       { "image.size", c->image.size, 1, 1024 },
        { "image.patch", c->image.patch, 1, 64 },     { "image.width", c->image.width, 1, 8192 },
        { "image.layers", c->image.layers, 1, 128 },  { "image.heads", c->image.heads, 1, 256 },
        { "text.context", c->text.context, 2, 1024 }, { "text.vocab", c->text.vocab, 2, 1 << 20 },
        { "text.width", c->text.width, 1, 8192 },     { "text.layers", c->text.layers, 1, 128 },
        { "text.heads", c->text.heads, 1, 256 },
    };

    if (nn_check_limits("clip", limits, (int)(sizeof limits / sizeof *limits), e) ||
        check_multiple("image.size", c->image.size, "image.patch", c->image.patch, e) ||
        check_multiple("image.width", c->image.width, "image.heads", c->image.heads, e) ||
        check_multiple("text.width", c->text.width, "text.heads", c->text.heads, e))
        return -1;
    return check_pixels(c, e);
}

/* ---- parameters: start values as openai/CLIP initialize_parameters, for both towers ---- */

static struct nn_block *init_blocks(struct param_list *l, int layers, int width, const char *tower)
{
    float w = (float)width;
    struct nn_block_start start = {
        .qkv = 1 / sqrtf(w),
        .proj = 1 / sqrtf(w * 2 * (float)layers),
        .fc = 1 / sqrtf(2 * w),
        .fc_out = 1 / sqrtf(w * 2 * (float)layers),
    };
    struct nn_block *blocks = mem_alloc((size_t)layers, sizeof *blocks);
    char prefix[64];

    for (int i = 0; blocks && i < layers; i++) {
        snprintf(prefix, sizeof prefix, "%stransformer.resblocks.%d.", tower, i);
        nn_block_init(&blocks[i], l, width, &start, &NAMES, prefix);
    }
    return blocks;
}

static void init_image(struct clip *m, struct param_list *l)
{
    const struct clip_config *c = &m->config;
    int w = c->image.width, patch = c->image.patch, grid = c->image.size / patch;
    int64_t one[] = { w }, positions[] = { 1 + (int64_t)grid * grid, w },
            proj[] = { w, c->embed_dim };
    float std = 1 / sqrtf((float)w);
    struct nn_conv conv;

    m->class_embedding = param_add(l, 0, START_NORMAL, std, 1, one, "visual.class_embedding");
    m->image_positions =
        param_add(l, 0, START_NORMAL, std, 2, positions, "visual.positional_embedding");
    m->image_proj = param_add(l, PARAM_DECAY, START_NORMAL, std, 2, proj, "visual.proj");
    nn_conv_init(&conv, l, w, 3, patch, false, 0, "visual.conv1");
    m->patch = conv.w;
    nn_norm_init(&m->ln_pre, l, w, "visual.ln_pre");
    m->image_blocks = init_blocks(l, c->image.layers, w, "visual.");
    nn_norm_init(&m->ln_post, l, w, "visual.ln_post");
}

static void init_text(struct clip *m, struct param_list *l)
{
    const struct clip_config *c = &m->config;
    int w = c->text.width;
    int64_t table[] = { c->text.vocab, w }, positions[] = { c->text.context, w };
    int64_t proj[] = { w, c->embed_dim };

    m->text_positions = param_add(l, 0, START_NORMAL, 0.01f, 2, positions, "positional_embedding");
    m->text_proj =
        param_add(l, PARAM_DECAY, START_NORMAL, 1 / sqrtf((float)w), 2, proj, "text_projection");
    m->text_blocks = init_blocks(l, c->text.layers, w, "");
    m->token_embedding = param_add(l, 0, START_NORMAL, 0.02f, 2, table, "token_embedding.weight");
    nn_norm_init(&m->ln_final, l, w, "ln_final");
}

int clip_init(struct clip *m, const struct clip_config *c, struct param_list *l, struct err *e)
{
    *m = (struct clip){ .config = *c };
    if (clip_config_check(c, e))
        return -1;
    m->logit_scale = param_add(l, 0, START_CONSTANT, LOGIT_SCALE_START, 0, NULL, "logit_scale");
    init_image(m, l);
    init_text(m, l);
    int failed = !m->image_blocks || !m->text_blocks
                     ? err_set(e, ERR_NOMEM, "clip: no memory for its blocks")
                     : param_list_check(l, e);
    if (failed)
        clip_release(m);
    return failed;
}

void clip_release(struct clip *m)
{
    mem_free(m->image_blocks);
    mem_free(m->text_blocks);
    *m = (struct clip){ 0 };
}

/* ---- both towers ---- */

struct tensor *clip_logits(struct pass *p, const struct clip *m, const struct tensor *image,
                           const struct tensor *text)
{
    return op_scale_exp(p, op_matmul(p, image, false, text, true, 1.0f), m->logit_scale);
}

void clip_pixel_scale(const struct clip_config *c, float ret_mul[3], float ret_add[3])
{
    for (int i = 0; i < 3; i++) {
        ret_mul[i] = 1.0f / (255.0f * c->std[i]);
        ret_add[i] = -c->mean[i] / c->std[i];
    }
}
