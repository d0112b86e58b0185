#include "tests/model/tiny.h"

#include <string.h>

#include "base/mem.h"
#include "kernels/sample.h"
#include "tests/test.h"

/* ---- CLIP ---- */

void tiny_clip_open(struct tiny_clip *t)
{
    struct golden *g = &t->g;
    struct err e = { 0 };

    golden_open(g, "clip_tiny.safetensors");
    struct clip_config c = {
        .embed_dim = golden_int(g, "embed_dim"),
        .image = { .size = golden_int(g, "img_size"),
                   .patch = golden_int(g, "vision_patch_size"),
                   .width = golden_int(g, "vision_width"),
                   .layers = golden_int(g, "vision_layers"),
                   .heads = golden_int(g, "vision_heads") },
        .text = { .context = golden_int(g, "context_length"),
                  .vocab = golden_int(g, "vocab_size"),
                  .width = golden_int(g, "transformer_width"),
                  .layers = golden_int(g, "transformer_layers"),
                  .heads = golden_int(g, "transformer_heads") },
        .quick_gelu = true,
        .mean = { 0.5f, 0.5f, 0.5f },
        .std = { 0.5f, 0.5f, 0.5f },
    };
    param_list_init(&t->params);
    golden_ok(clip_init(&t->net, &c, &t->params, &e), &e);
    golden_load(g, &t->params);
}

void tiny_clip_close(struct tiny_clip *t)
{
    clip_release(&t->net);
    param_list_release(&t->params);
    golden_close(&t->g);
}

/* Rows of the end tokens (the largest id of each text) in [B * context]. */
static struct tensor *end_rows(struct pass *p, const int32_t *ids, int64_t batch, int64_t context)
{
    int32_t rows[16];

    assert_true(batch <= 16);
    for (int64_t b = 0; b < batch; b++) {
        int64_t end = b * context;
        for (int64_t i = end; i < (b + 1) * context; i++)
            if (ids[i] > ids[end])
                end = i;
        rows[b] = (int32_t)end;
    }
    return pass_upload(p, DTYPE_I32, 1, &batch, rows);
}

struct tensor *tiny_clip_text(struct tiny_clip *t, const int32_t *ids, int64_t batch)
{
    struct pass *p = &t->g.pass;
    int64_t dim[] = { batch, t->net.config.text.context };
    struct tensor *in = pass_upload(p, DTYPE_I32, 2, dim, ids);

    return clip_text(p, &t->net, in, end_rows(p, ids, batch, dim[1]));
}

/* ---- GPT ---- */

void tiny_gpt_open(struct tiny_gpt *t)
{
    struct golden *g = &t->g;
    struct err e = { 0 };

    golden_open(g, "gpt_tiny.safetensors");
    struct gpt_config c = {
        .layers = golden_int(g, "n_layer"),
        .width = golden_int(g, "n_embed"),
        .heads = golden_int(g, "n_head"),
        .tokens = golden_int(g, "block_size"),
        .vocab = golden_int(g, "vocab"),
        .cond_dim = golden_int(g, "n_cond_embed"),
    };
    param_list_init(&t->params);
    golden_ok(gpt_init(&t->net, &c, &t->params, &e), &e);
    golden_load(g, &t->params);
}

void tiny_gpt_close(struct tiny_gpt *t)
{
    gpt_release(&t->net);
    param_list_release(&t->params);
    golden_close(&t->g);
}

#define ROWS_MAX 8

/* Every row gets the same value. */
static struct tensor *same_i32(struct pass *p, int64_t batch, int32_t value)
{
    int32_t rows[ROWS_MAX];

    for (int b = 0; b < ROWS_MAX; b++)
        rows[b] = value;
    return pass_upload(p, DTYPE_I32, 1, &batch, rows);
}

static struct tensor *same_f32(struct pass *p, int64_t batch, float value)
{
    float rows[ROWS_MAX];

    for (int b = 0; b < ROWS_MAX; b++)
        rows[b] = value;
    return pass_upload(p, DTYPE_F32, 1, &batch, rows);
}

static struct tensor *counting(struct pass *p, int64_t batch)
{
    static const int32_t ROWS[ROWS_MAX] = { 0, 1, 2, 3, 4, 5, 6, 7 };

    return pass_upload(p, DTYPE_I32, 1, &batch, ROWS);
}

/* logits [B, 1, V] -> the largest of each row, I32 [B] */
static struct tensor *likeliest(struct pass *p, const struct tensor *logits, int64_t batch)
{
    static const int32_t SEEDS[2 * ROWS_MAX] = { 0 };
    struct sample_rows rows = {
        .logits = op_reshape(p, logits, 2, (int64_t[]){ batch, -1 }),
        .cond_row = counting(p, batch),
        .uncond_row = same_i32(p, batch, -1),
        .guidance = same_f32(p, batch, 1),
        .temperature = same_f32(p, batch, 0),
        .top_k = same_i32(p, batch, 0),
        .top_p = same_f32(p, batch, 1),
        .seed = pass_upload(p, DTYPE_I32, 2, (int64_t[]){ batch, 2 }, SEEDS),
        .position = same_i32(p, batch, 0),
    };

    return sample_draw(p, &rows);
}

/* One position of every row; last: the tokens before, NULL at the start. */
static void greedy_step(struct tiny_gpt *t, struct kv *kv, const float *cond, int64_t batch,
                        int position, int32_t *last)
{
    struct pass *p = golden_pass(&t->g, false);
    int64_t cond_dim[] = { batch, t->net.config.cond_dim }, one[] = { batch, 1 };
    struct tensor *c = NULL, *tokens = NULL;
    struct err e = { 0 };

    kv->slot = counting(p, batch);
    kv->pos = same_i32(p, batch, position);
    if (position == 0)
        c = pass_upload(p, DTYPE_F32, 2, cond_dim, cond);
    else
        tokens = pass_upload(p, DTYPE_I32, 2, one, last);
    struct tensor *drawn = likeliest(p, gpt_forward(p, &t->net, c, tokens, kv), batch);
    golden_finish(&t->g);
    golden_ok(device_download(t->g.dev, drawn, 0, last, tensor_bytes(drawn), &e), &e);
}

void tiny_gpt_greedy(struct tiny_gpt *t, const float *cond, int64_t batch, int32_t *ret_tokens)
{
    const struct gpt_config *c = &t->net.config;
    int32_t last[ROWS_MAX];
    struct err e = { 0 };
    struct kv kv;

    assert_true(batch <= ROWS_MAX);
    golden_ok(kv_init(&kv, t->g.dev, DTYPE_F32, c->layers, (int)batch, c->tokens, c->width, &e),
              &e);
    for (int i = 0; i < c->tokens; i++) {
        greedy_step(t, &kv, cond, batch, i, last);
        for (int64_t b = 0; b < batch; b++)
            ret_tokens[b * c->tokens + i] = last[b];
    }
    kv_release(&kv);
}

/* ---- decoding ---- */

void tiny_decoder_open(struct tiny_decoder *d)
{
    struct err e = { 0 };
    int64_t n;

    tiny_gpt_open(&d->t);
    const struct gpt_config *c = &d->t.net.config;
    d->cond = golden_floats(&d->t.g, "in.cond", NULL);
    d->tokens = golden_ints(&d->t.g, "in.tokens", &n);
    assert_int_equal(n, TINY_SLOTS * c->tokens);
    golden_ok(
        kv_init(&d->kv, d->t.g.dev, DTYPE_F32, c->layers, TINY_SLOTS, c->tokens, c->width, &e), &e);
}

void tiny_decoder_close(struct tiny_decoder *d)
{
    kv_release(&d->kv);
    mem_free(d->cond);
    mem_free(d->tokens);
    tiny_gpt_close(&d->t);
}

void tiny_decoder_restart(struct tiny_decoder *d)
{
    struct err e = { 0 };

    golden_ok(device_zero(d->t.g.dev, &d->kv.keys, &e), &e);
    golden_ok(device_zero(d->t.g.dev, &d->kv.values, &e), &e);
}

static void place_rows(struct tiny_decoder *d, const struct tiny_row *row, int64_t rows)
{
    int32_t slot[TINY_SLOTS], pos[TINY_SLOTS];

    for (int64_t r = 0; r < rows; r++) {
        slot[r] = row[r].slot;
        pos[r] = row[r].pos;
    }
    d->kv.slot = pass_upload(&d->t.g.pass, DTYPE_I32, 1, &rows, slot);
    d->kv.pos = pass_upload(&d->t.g.pass, DTYPE_I32, 1, &rows, pos);
}

static struct tensor *conditions_of(struct tiny_decoder *d, const struct tiny_row *row,
                                    int64_t rows)
{
    float cond[TINY_SLOTS * 64];
    int E = d->t.net.config.cond_dim;

    assert_true(E <= 64);
    for (int64_t r = 0; r < rows; r++)
        memcpy(cond + r * E, d->cond + row[r].slot * E, (size_t)E * sizeof *cond);
    return pass_upload(&d->t.g.pass, DTYPE_F32, 2, (int64_t[]){ rows, E }, cond);
}

/* Position i >= 1 brings token i - 1. */
static struct tensor *tokens_of(struct tiny_decoder *d, const struct tiny_row *row, int64_t rows,
                                int64_t n, int after)
{
    int32_t ids[TINY_SLOTS * 64];
    int T = d->t.net.config.tokens;

    assert_true(T <= 64);
    for (int64_t r = 0; r < rows; r++)
        memcpy(ids + r * n, d->tokens + row[r].slot * T + row[r].pos + after - 1,
               (size_t)n * sizeof *ids);
    return pass_upload(&d->t.g.pass, DTYPE_I32, 2, (int64_t[]){ rows, n }, ids);
}

float *tiny_decoder_step(struct tiny_decoder *d, const struct tiny_row *row, int rows, int n)
{
    struct pass *p = golden_pass(&d->t.g, false);
    int start = row[0].pos == 0; /* the condition takes position 0 */

    place_rows(d, row, rows);
    struct tensor *cond = start ? conditions_of(d, row, rows) : NULL;
    struct tensor *tokens = n > start ? tokens_of(d, row, rows, n - start, start) : NULL;
    return golden_download(&d->t.g, gpt_forward(p, &d->t.net, cond, tokens, &d->kv));
}

/* ---- VQGAN ---- */

void tiny_vqgan_open(struct tiny_vqgan *t, float norm_eps)
{
    struct golden *g = &t->g;
    struct err e = { 0 };

    golden_open(g, "vqgan_tiny.safetensors");
    assert_string_equal(weights_metadata(g->file, "ch_mult"), "[2, 1, 1, 1]");
    assert_string_equal(weights_metadata(g->file, "attn_resolutions"), "[4]");
    struct vqgan_config c = {
        .resolution = golden_int(g, "resolution"),
        .ch = golden_int(g, "ch"),
        .levels = 4,
        .mult = { 2, 1, 1, 1 },
        .res_blocks = golden_int(g, "num_res_blocks"),
        .attn_resolution = 4,
        .z_channels = golden_int(g, "z_channels"),
        .codebook = golden_int(g, "codebook"),
        .groups = golden_int(g, "group_norm_groups"),
        .norm_eps = norm_eps,
    };
    struct disc_config d = { .ch = golden_int(g, "disc_ch"),
                             .layers = golden_int(g, "disc_layers") };
    param_list_init(&t->params);
    param_list_init(&t->disc_params);
    golden_ok(vqgan_new(&c, &t->params, &t->net, &e), &e);
    golden_ok(disc_init(&t->disc, &d, &t->disc_params, &e), &e);
    golden_load(g, &t->params);
    golden_load(g, &t->disc_params);
}

void tiny_vqgan_close(struct tiny_vqgan *t)
{
    vqgan_free(t->net);
    param_list_release(&t->params);
    param_list_release(&t->disc_params);
    golden_close(&t->g);
}
