/* The published sizes go through the same code as the tiny ones: every pass is planned (shapes
 * checked in every op, memory counted, nothing run). And what a network does with sizes and
 * switches that no fixture has. */
#include <string.h>

#include "base/mem.h"
#include "tests/model/tiny.h"
#include "tests/test.h"

#define MIB ((size_t)1 << 20)

struct plan {
    struct arena arena;
    struct pass pass;
    struct param_list params;
};

static struct pass *open_plan(struct plan *pl)
{
    struct err e = { 0 };

    param_list_init(&pl->params);
    golden_ok(arena_init_planning(&pl->arena, ARENA_HOST_BYTES, &e), &e);
    pass_init(&pl->pass, NULL, &pl->arena, NULL);
    return &pl->pass;
}

/* The pass went through and gave this shape; returns its memory. */
static size_t close_plan(struct plan *pl, const struct tensor *y, int n_dims, const int64_t *dim)
{
    struct err e = { 0 };

    golden_ok(pass_finish(&pl->pass, &e), &e);
    assert_int_equal(y->n_dims, n_dims);
    for (int i = 0; i < n_dims; i++)
        assert_int_equal(y->dim[i], dim[i]);
    size_t peak = arena_peak(&pl->arena);
    arena_free(&pl->arena);
    param_list_release(&pl->params);
    return peak;
}

/* ---- GPT ---- */

static struct gpt_config gpt_size(int layers, int width, int heads)
{
    return (struct gpt_config){ .layers = layers,
                                .width = width,
                                .heads = heads,
                                .tokens = 256,
                                .vocab = 16384,
                                .cond_dim = 512 };
}

static void plan_gpt(struct gpt_config c)
{
    int64_t cond[] = { 2, 512 }, tokens[] = { 2, 255 }, logits[] = { 2, 256, 16384 };
    struct err e = { 0 };
    struct plan pl;
    struct gpt m;
    struct pass *p = open_plan(&pl);

    golden_ok(gpt_init(&m, &c, &pl.params, &e), &e);
    struct tensor *y = gpt_forward(p, &m, pass_tensor(p, DTYPE_F32, 2, cond),
                                   pass_tensor(p, DTYPE_I32, 2, tokens), NULL);
    close_plan(&pl, y, 3, logits);
    gpt_release(&m);
}

static void gpt2_is_planned_at_every_size(void **state)
{
    (void)state;
    plan_gpt(gpt_size(24, 1024, 16));
    plan_gpt(gpt_size(36, 1280, 20));
    plan_gpt(gpt_size(48, 1600, 25));
}

/* ---- CLIP ---- */

static void plan_clip(int patch, int width, int layers, int text_width, int embed)
{
    struct clip_config c = { .embed_dim = embed,
                             .image = { 224, patch, width, layers, width / 64 },
                             .text = { 77, 49408, text_width, 12, text_width / 64 },
                             .quick_gelu = true,
                             .std = { 1, 1, 1 } };
    int64_t pixels[] = { 3, 224, 224, 3 }, ids[] = { 3, 77 }, rows[] = { 3 }, logits[] = { 3, 3 };
    struct err e = { 0 };
    struct plan pl;
    struct clip m;
    struct pass *p = open_plan(&pl);

    golden_ok(clip_init(&m, &c, &pl.params, &e), &e);
    struct tensor *image = clip_image(p, &m, pass_tensor(p, DTYPE_F32, 4, pixels));
    struct tensor *text =
        clip_text(p, &m, pass_tensor(p, DTYPE_I32, 2, ids), pass_tensor(p, DTYPE_I32, 1, rows));
    close_plan(&pl, clip_logits(p, &m, image, text), 2, logits);
    clip_release(&m);
}

static void clip_is_planned_at_every_size(void **state)
{
    (void)state;
    plan_clip(32, 768, 12, 512, 512);
    plan_clip(16, 768, 12, 512, 512);
    plan_clip(14, 1024, 24, 768, 768);
}

/* ---- VQGAN ---- */

static const struct vqgan_config F16 = { .resolution = 256,
                                         .ch = 128,
                                         .levels = 5,
                                         .mult = { 1, 1, 2, 2, 4 },
                                         .res_blocks = 2,
                                         .attn_resolution = 16,
                                         .z_channels = 256,
                                         .codebook = 16384,
                                         .groups = 32,
                                         .norm_eps = 1e-6f };

static void vqgan_f16_encoding_is_planned(void **state)
{
    (void)state;
    int64_t pixels[] = { 2, 256, 256, 3 }, grid[] = { 2, 16, 16, 256 };
    struct err e = { 0 };
    struct tensor *ids;
    struct vqgan *m;
    struct plan pl;
    struct pass *p = open_plan(&pl);

    golden_ok(vqgan_new(&F16, &pl.params, &m, &e), &e);
    struct tensor *z = vqgan_encode(p, m, pass_tensor(p, DTYPE_F32, 4, pixels));
    close_plan(&pl, vqgan_quantize(p, m, z, &ids, NULL), 4, grid);
    vqgan_free(m);
}

/* One feature map at full size is 32 MiB, and 64 where the channels are 256. */
static void vqgan_f16_decoding_is_planned_in_little_memory(void **state)
{
    (void)state;
    int64_t tokens[] = { 256 }, pixels[] = { 1, 256, 256, 3 };
    struct err e = { 0 };
    struct vqgan *m;
    struct plan pl;
    struct pass *p = open_plan(&pl);

    golden_ok(vqgan_new(&F16, &pl.params, &m, &e), &e);
    struct tensor *z_q = vqgan_lookup(p, m, pass_tensor(p, DTYPE_I32, 1, tokens), 1);
    size_t peak = close_plan(&pl, vqgan_decode(p, m, z_q), 4, pixels);
    print_message("decoding one 256 x 256 picture: %zu MiB\n", peak / MIB);
    assert_true(peak < 512 * MIB);
    vqgan_free(m);
}

/* ---- codes compared by direction ---- */

/* Latents that differ in length alone have the same code, and rows come back with length 1. */
static void unit_codes_ignore_length(void **state)
{
    (void)state;
    struct vqgan_config c = { .resolution = 4,
                              .ch = 4,
                              .levels = 2,
                              .mult = { 1, 1 },
                              .res_blocks = 1,
                              .z_channels = 2,
                              .codebook = 4,
                              .groups = 2,
                              .norm_eps = 1e-6f,
                              .unit_codes = true };
    static const float CODES[] = { 5, 0, 0, 0.1f, -1, 0, 0, -9 };
    static const float Z[] = { 0.1f, 0.01f, 0.2f, 7, -30, 2, 0, -0.001f };
    int64_t grid[] = { 1, 2, 2, 2 };
    int32_t codes[4];
    struct param_list l;
    struct tensor *ids, *rows;
    struct err e = { 0 };
    struct golden g;
    struct vqgan *m;

    golden_open(&g, "pipeline_tiny.safetensors");
    param_list_init(&l);
    golden_ok(vqgan_new(&c, &l, &m, &e), &e);
    golden_ok(param_list_alloc(&l, g.dev, false, &e), &e);
    golden_ok(device_upload(g.dev, vqgan_codebook(m), 0, CODES, sizeof CODES, &e), &e);
    struct pass *p = golden_pass(&g, false);
    struct tensor *z = pass_upload(p, DTYPE_F32, 4, grid, Z);
    struct tensor *z_q = vqgan_quantize(p, m, z, &ids, &rows);
    float *got = golden_download(&g, z_q);
    float *looked_up = golden_download(&g, vqgan_lookup(p, m, ids, 1));
    golden_ok(device_download(g.dev, ids, 0, codes, sizeof codes, &e), &e);
    static const float UNIT[] = { 1, 0, 0, 1, -1, 0, 0, -1 };
    for (int i = 0; i < 4; i++)
        assert_int_equal(codes[i], i);
    for (int i = 0; i < 8; i++) {
        assert_float_equal(got[i], UNIT[i], 1e-6);
        assert_float_equal(looked_up[i], UNIT[i], 1e-6);
    }
    mem_free(got);
    mem_free(looked_up);
    vqgan_free(m);
    param_list_release(&l);
    golden_close(&g);
}

/* ---- pixels in [0, 1], a codebook of its own width, no encoder ---- */

static const struct vqgan_config SMALL = { .resolution = 4,
                                           .ch = 4,
                                           .levels = 2,
                                           .mult = { 1, 1 },
                                           .res_blocks = 1,
                                           .z_channels = 6,
                                           .code_dim = 2,
                                           .codebook = 8,
                                           .groups = 2,
                                           .norm_eps = 1e-6f };

struct small {
    struct golden g;
    struct param_list params;
    struct vqgan *net;
};

static void open_small(struct small *s, struct vqgan_config c)
{
    struct err e = { 0 };

    golden_open(&s->g, "pipeline_tiny.safetensors");
    param_list_init(&s->params);
    golden_ok(vqgan_new(&c, &s->params, &s->net, &e), &e);
    golden_ok(param_list_alloc(&s->params, s->g.dev, false, &e), &e);
    golden_ok(param_list_reset(&s->params, 5, &e), &e);
}

static void close_small(struct small *s)
{
    vqgan_free(s->net);
    param_list_release(&s->params);
    golden_close(&s->g);
}

/* x -> its latents and the picture of its codes; mem_free both. x holds what the network sees when
 * its range is [-1, 1]. */
static void run_small(struct small *s, const float *x, float **ret_z, float **ret_picture)
{
    int64_t dim[] = { 1, 4, 4, 3 };
    struct tensor *ids;
    struct pass *p = golden_pass(&s->g, false);
    struct tensor *z = vqgan_encode(p, s->net, pass_upload(p, DTYPE_F32, 4, dim, x));

    assert_int_equal(z->dim[3], 2);
    *ret_z = golden_download(&s->g, z);
    vqgan_quantize(p, s->net, z, &ids, NULL);
    *ret_picture = golden_download(&s->g, vqgan_decode(p, s->net, vqgan_lookup(p, s->net, ids, 1)));
}

/* The same weights with [0, 1] inside: what was x is (x + 1) / 2 there, what was y comes out as
 * 2 y - 1. */
static void a_unit_range_stays_inside(void **state)
{
    (void)state;
    struct vqgan_config c = SMALL;
    float x[48], inside[48], *z, *y, *unit_z, *unit_y;
    struct small a, b;

    for (int i = 0; i < 48; i++) {
        inside[i] = (float)(i % 7) / 6;
        x[i] = 2 * inside[i] - 1;
    }
    open_small(&a, c);
    c.unit_range = true;
    open_small(&b, c);
    run_small(&a, inside, &z, &y);
    run_small(&b, x, &unit_z, &unit_y);
    for (int i = 0; i < 8; i++)
        assert_float_equal(unit_z[i], z[i], 1e-5);
    for (int i = 0; i < 48; i++)
        assert_float_equal(unit_y[i], 2 * y[i] - 1, 1e-5);
    mem_free(z);
    mem_free(y);
    mem_free(unit_z);
    mem_free(unit_y);
    close_small(&a);
    close_small(&b);
}

static void a_decoder_alone_cannot_encode(void **state)
{
    (void)state;
    struct vqgan_config c = SMALL;
    int64_t dim[] = { 1, 4, 4, 3 }, n = 4;
    static const int32_t IDS[] = { 0, 7, 3, 1 };
    struct err e = { 0 };
    struct small s;

    c.decoder_only = true;
    open_small(&s, c);
    assert_null(param_find(&s.params, "encoder.conv_in.weight"));
    assert_non_null(param_find(&s.params, "decoder.quant_conv_in.weight"));
    struct pass *p = golden_pass(&s.g, false);
    struct tensor *ids = pass_upload(p, DTYPE_I32, 1, &n, IDS);
    mem_free(golden_download(&s.g, vqgan_decode(p, s.net, vqgan_lookup(p, s.net, ids, 1))));
    assert_null(vqgan_encode(p, s.net, pass_tensor(p, DTYPE_F32, 4, dim)));
    assert_int_equal(pass_finish(p, &e), -1);
    assert_err(&e, ERR_UNSUPPORTED, "vqgan: this model has no encoder");
    close_small(&s);
}

/* ---- start values ---- */

static void a_fresh_gpt_is_nearly_undecided(void **state)
{
    (void)state;
    struct gpt_config c = gpt_size(2, 64, 4);
    int64_t cond[] = { 1, 512 }, one[] = { 1 };
    static const float ZERO[512] = { 0 };
    static const int32_t TARGET[] = { 5 };
    struct param_list l;
    struct err e = { 0 };
    struct golden g;
    struct gpt m;

    golden_open(&g, "pipeline_tiny.safetensors");
    param_list_init(&l);
    golden_ok(gpt_init(&m, &c, &l, &e), &e);
    golden_ok(param_list_alloc(&l, g.dev, false, &e) || param_list_reset(&l, 3, &e), &e);
    struct pass *p = golden_pass(&g, false);
    struct tensor *in = pass_upload(p, DTYPE_F32, 2, cond, ZERO);
    struct tensor *logits =
        op_reshape(p, gpt_forward(p, &m, in, NULL, NULL), 2, (int64_t[]){ 1, 16384 });
    float *loss =
        golden_download(&g, op_cross_entropy(p, logits, pass_upload(p, DTYPE_I32, 1, one, TARGET)));
    assert_float_equal(*loss, 9.704, 0.7); /* ln 16384 */
    mem_free(loss);
    gpt_release(&m);
    param_list_release(&l);
    golden_close(&g);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(gpt2_is_planned_at_every_size),
    cmocka_unit_test(clip_is_planned_at_every_size),
    cmocka_unit_test(vqgan_f16_encoding_is_planned),
    cmocka_unit_test(vqgan_f16_decoding_is_planned_in_little_memory),
    cmocka_unit_test(unit_codes_ignore_length),
    cmocka_unit_test(a_unit_range_stays_inside),
    cmocka_unit_test(a_decoder_alone_cannot_encode),
    cmocka_unit_test(a_fresh_gpt_is_nearly_undecided),
};
TEST_MAIN(TESTS)
