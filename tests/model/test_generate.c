/*
 * Generation as the daemon uses it: the reference's tokens and picture, and the promise that a
 * sequence depends on its own condition, settings and seed only.
 */
#include "tests/test.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/png.h"
#include "model/generate.h"
#include "tests/model/golden.h"
#include "tests/model/tiny_bundle.h"

enum { E = 32, T = 16, V = 64, CONTEXT = 16, SIDE = 32, PIXELS = SIDE * SIDE * 3 };

static const struct gen_settings GREEDY = { .seed = 0, .top_p = 1, .guidance = 1 };

struct bench {
    struct device *dev;
    struct bundle *b;
    struct gen *g;
};

static struct bench bench_open_in(enum param_format format, bool null_cond, int rows, int threads)
{
    struct bench t = { 0 };
    struct err e = { 0 };

    golden_ok(device_open(test_backend(), threads, &t.dev, &e), &e);
    t.b = tiny_bundle_in(t.dev, null_cond, format);
    golden_ok(gen_new(t.b, rows, &t.g, &e), &e);
    assert_true(gen_bytes(t.g) > 0);
    return t;
}

static struct bench bench_open(bool null_cond, int rows, int threads)
{
    return bench_open_in(PARAM_PLAIN, null_cond, rows, threads);
}

static void bench_close(struct bench *t)
{
    gen_free(t->g);
    bundle_close(t->b);
    device_close(t->dev);
}

/* Unit embeddings that differ. */
static void embedding(int k, float ret[E])
{
    double sum = 0;

    for (int i = 0; i < E; i++) {
        ret[i] = (float)sin(1.0 + 3.7 * k + 1.3 * i * (k + 1));
        sum += ret[i] * ret[i];
    }
    for (int i = 0; i < E; i++)
        ret[i] /= (float)sqrt(sum);
}

static int admit(struct gen *g, int k, const struct gen_settings *s)
{
    struct err e = { 0 };
    float embed[E];
    int slot;

    embedding(k, embed);
    golden_ok(gen_admit(g, embed, NULL, s, &slot, &e), &e);
    return slot;
}

static void step(struct gen *g)
{
    struct err e = { 0 };

    golden_ok(gen_step(g, &e), &e);
}

static void run(struct gen *g)
{
    while (gen_live(g))
        step(g);
}

/* Different settings for different k; every third is guided. */
static struct gen_settings settings_of(int k)
{
    return (struct gen_settings){
        .seed = 0x123456789abcdef0u * (uint64_t)(k + 1),
        .temperature = 0.8f + 0.1f * (float)k,
        .top_k = k % 2 ? 20 : 0,
        .top_p = k % 3 ? 0.9f : 1,
        .guidance = k % 3 ? 1 : 2.5f,
    };
}

/* ---- the reference ---- */

static void compare_png(const struct image *img, int i)
{
    struct err e = { 0 };
    struct image want;
    struct buf file;
    char path[512];

    snprintf(path, sizeof path, "%s/tests/data/golden/pipeline_tiny_%d.png", test_srcdir(), i);
    buf_init(&file, 1 << 20);
    golden_ok(file_read(path, 1 << 20, &file, &e), &e);
    golden_ok(png_decode(file.data, file.len, 1 << 20, &want, &e), &e);
    assert_int_equal(img->w, want.w);
    assert_int_equal(img->h, want.h);
    for (int k = 0; k < PIXELS; k++)
        assert_true(abs(img->px[k] - want.px[k]) <= 1);
    image_release(&want);
    buf_release(&file);
}

static int end_of(const int32_t *ids)
{
    int end = 0;

    for (int i = 1; i < CONTEXT; i++)
        end = ids[i] > ids[end] ? i : end;
    return end;
}

static void test_reference(void **state)
{
    struct bench t = bench_open(false, 2, 2);
    struct err e = { 0 };
    struct golden want;
    int slot[2];

    (void)state;
    golden_open(&want, "pipeline_tiny.safetensors");
    int32_t *ids = golden_ints(&want, "in.token_ids", NULL);
    int32_t *tokens = golden_ints(&want, "out.tokens", NULL);
    float *embeds = golden_floats(&want, "out.text_embeds", NULL);
    for (int i = 0; i < 2; i++) {
        const int32_t *text = ids + i * CONTEXT;
        float embed[E];
        golden_ok(gen_embed_text(t.g, text, end_of(text), embed, &e), &e);
        for (int k = 0; k < E; k++)
            assert_true(fabsf(embed[k] - embeds[i * E + k]) <= GOLDEN_LOGITS);
        golden_ok(gen_admit(t.g, embed, NULL, &GREEDY, &slot[i], &e), &e);
    }
    run(t.g);
    for (int i = 0; i < 2; i++) {
        struct image img;
        assert_memory_equal(gen_tokens(t.g, slot[i]), tokens + i * T, T * sizeof *tokens);
        golden_ok(gen_image(t.g, slot[i], &img, &e), &e);
        compare_png(&img, i);
        image_release(&img);
        gen_drop(t.g, slot[i]);
    }
    mem_free(ids);
    mem_free(tokens);
    mem_free(embeds);
    golden_close(&want);
    bench_close(&t);
}

/* ---- a sequence depends on itself alone ---- */

struct result {
    int32_t tokens[T];
    uint8_t px[PIXELS];
};

static void take(struct gen *g, int slot, struct result *ret)
{
    struct err e = { 0 };
    struct image img;

    assert_true(gen_done(g, slot));
    memcpy(ret->tokens, gen_tokens(g, slot), sizeof ret->tokens);
    golden_ok(gen_image(g, slot, &img, &e), &e);
    assert_int_equal(img.w * img.h * img.channels, PIXELS);
    memcpy(ret->px, img.px, PIXELS);
    image_release(&img);
    gen_drop(g, slot);
}

static void run_alone(struct gen *g, int k, struct result *ret)
{
    struct gen_settings s = settings_of(k);
    int slot = admit(g, k, &s);

    run(g);
    take(g, slot, ret);
}

/* Eight sequences, each admitted a few steps behind the one before. */
static void run_together(struct gen *g, struct result ret[8])
{
    int slot[8];

    for (int k = 0; k < 8; k++) {
        struct gen_settings s = settings_of(k);
        slot[k] = admit(g, k, &s);
        for (int i = 0; i < k % 3; i++)
            step(g);
    }
    run(g);
    for (int k = 7; k >= 0; k--)
        take(g, slot[k], &ret[k]);
}

static void check_company(enum param_format format)
{
    struct bench t = bench_open_in(format, true, 16, 2);
    struct result alone, together[8];

    run_together(t.g, together);
    for (int k = 0; k < 8; k++) {
        run_alone(t.g, k, &alone);
        assert_memory_equal(alone.tokens, together[k].tokens, sizeof alone.tokens);
        assert_memory_equal(alone.px, together[k].px, sizeof alone.px);
        if (k > 0)
            assert_memory_not_equal(together[k].tokens, together[0].tokens, sizeof alone.tokens);
    }
    assert_int_equal(gen_rows_free(t.g), 16);
    bench_close(&t);
}

static void test_company_changes_nothing(void **state)
{
    (void)state;
    for (enum param_format format = PARAM_F32; format <= PARAM_PLAIN; format++)
        check_company(format);
}

static void check_threads(enum param_format format)
{
    struct bench one = bench_open_in(format, true, 16, 1);
    struct bench two = bench_open_in(format, true, 16, 2);
    struct result a[8], b[8];

    run_together(one.g, a);
    run_together(two.g, b);
    assert_memory_equal(a, b, sizeof a);
    bench_close(&one);
    bench_close(&two);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    for (enum param_format format = PARAM_F32; format <= PARAM_PLAIN; format++)
        check_threads(format);
}

static void test_seed_decides(void **state)
{
    struct bench t = bench_open(false, 4, 2);
    struct gen_settings s = { .seed = 7, .temperature = 1, .top_p = 1, .guidance = 1 };
    int32_t first[T];

    (void)state;
    for (int i = 0; i < 3; i++) {
        s.seed = i == 2 ? 7 | (uint64_t)1 << 40 : 7; /* the high word counts */
        int slot = admit(t.g, 0, &s);
        run(t.g);
        if (i == 0)
            memcpy(first, gen_tokens(t.g, slot), sizeof first);
        else if (i == 1)
            assert_memory_equal(gen_tokens(t.g, slot), first, sizeof first);
        else
            assert_memory_not_equal(gen_tokens(t.g, slot), first, sizeof first);
        gen_drop(t.g, slot);
    }
    bench_close(&t);
}

/* ---- guidance ---- */

/* Logits of every position of [cond, tokens[0 .. T-2]] without a cache -> [T, V] */
static void full_logits(struct bench *t, struct arena *a, const float *cond, bool null,
                        const int32_t *tokens, float *ret)
{
    const int32_t mask = null;
    int64_t cond_dim[] = { 1, E }, tokens_dim[] = { 1, T - 1 }, one = 1;
    struct err e = { 0 };
    struct pass p;

    arena_release_all(a);
    pass_init(&p, t->dev, a, NULL);
    struct tensor *c = pass_upload(&p, DTYPE_F32, 2, cond_dim, cond);
    c = gpt_drop_cond(&p, &t->b->gpt, c, pass_upload(&p, DTYPE_I32, 1, &one, &mask));
    struct tensor *y =
        gpt_forward(&p, &t->b->gpt, c, pass_upload(&p, DTYPE_I32, 2, tokens_dim, tokens), NULL);
    golden_ok(pass_finish(&p, &e), &e);
    golden_ok(device_download(t->dev, y, 0, ret, T * V * sizeof *ret, &e), &e);
}

/* Each token is the largest of u + s (c - u), as far as rounding lets one tell. */
static void test_guidance(void **state)
{
    struct bench t = bench_open(true, 2, 2);
    struct gen_settings s = { .seed = 1, .top_p = 1, .guidance = 3 };
    static float c[T * V], u[T * V];
    struct err e = { 0 };
    struct arena a;
    float embed[E];

    (void)state;
    embedding(5, embed);
    golden_ok(arena_init(&a, t.dev, (size_t)16 << 20, ARENA_HOST_BYTES, &e), &e);
    assert_int_equal(gen_rows_needed(&s), 2);
    int slot = admit(t.g, 5, &s);
    assert_int_equal(gen_rows_free(t.g), 0);
    run(t.g);
    const int32_t *tokens = gen_tokens(t.g, slot);
    full_logits(&t, &a, embed, false, tokens, c);
    full_logits(&t, &a, embed, true, tokens, u);
    for (int i = 0; i < T; i++) {
        const float *ci = c + i * V, *ui = u + i * V;
        float drawn = ui[tokens[i]] + 3 * (ci[tokens[i]] - ui[tokens[i]]);
        for (int k = 0; k < V; k++)
            assert_true(ui[k] + 3 * (ci[k] - ui[k]) <= drawn + 1e-4f);
    }
    arena_free(&a);
    bench_close(&t);
}

/* Guidance away from a prompt instead of the null condition, with and without other rows in the
 * step; a model without null condition can do it too. */
static void test_negative(void **state)
{
    struct bench t = bench_open(true, 8, 2), bare = bench_open(false, 2, 1);
    struct gen_settings s = { .seed = 1, .top_p = 1, .guidance = 3 };
    static float c[T * V], u[T * V];
    struct err e = { 0 };
    struct arena a;
    float cond[E], negative[E];
    int slot;

    (void)state;
    embedding(5, cond);
    embedding(6, negative);
    golden_ok(arena_init(&a, t.dev, (size_t)16 << 20, ARENA_HOST_BYTES, &e), &e);
    admit(t.g, 0, &s); /* with the null condition, in the same steps */
    golden_ok(gen_admit(t.g, cond, negative, &s, &slot, &e), &e);
    run(t.g);
    const int32_t *tokens = gen_tokens(t.g, slot);
    full_logits(&t, &a, cond, false, tokens, c);
    full_logits(&t, &a, negative, false, tokens, u);
    for (int i = 0; i < T; i++) {
        const float *ci = c + i * V, *ui = u + i * V;
        float drawn = ui[tokens[i]] + 3 * (ci[tokens[i]] - ui[tokens[i]]);
        for (int k = 0; k < V; k++)
            assert_true(ui[k] + 3 * (ci[k] - ui[k]) <= drawn + 1e-4f);
    }
    golden_ok(gen_admit(bare.g, cond, negative, &s, &slot, &e), &e);
    run(bare.g);
    assert_true(gen_done(bare.g, slot));
    arena_free(&a);
    bench_close(&t);
    bench_close(&bare);
}

/* ---- slots ---- */

static void test_drop_in_the_middle(void **state)
{
    struct bench t = bench_open(true, 4, 2);
    struct result alone, got;
    struct gen_settings s1 = settings_of(1), s2 = settings_of(2), s3 = settings_of(3);

    (void)state;
    run_alone(t.g, 1, &alone);
    int dropped = admit(t.g, 3, &s3), kept = admit(t.g, 1, &s1);
    for (int i = 0; i < 5; i++)
        step(t.g);
    assert_int_equal(gen_position(t.g, kept), 5);
    assert_int_equal(gen_rows_free(t.g), 1);
    gen_drop(t.g, dropped);
    gen_drop(t.g, dropped);
    assert_int_equal(gen_rows_free(t.g), 3);
    int late = admit(t.g, 2, &s2);
    run(t.g);
    take(t.g, kept, &got);
    assert_memory_equal(&got, &alone, sizeof got);
    take(t.g, late, &got);
    run_alone(t.g, 2, &alone);
    assert_memory_equal(&got, &alone, sizeof got);
    bench_close(&t);
}

static void test_full(void **state)
{
    struct bench t = bench_open(true, 2, 2);
    struct gen_settings guided = settings_of(0);
    struct err e = { 0 };
    float embed[E];
    int slot, slots[4];

    (void)state;
    embedding(0, embed);
    slots[0] = admit(t.g, 0, &GREEDY);
    assert_int_equal(gen_admit(t.g, embed, NULL, &guided, &slot, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    assert_string_equal(e.msg, "generation: 1 of 2 rows are free, 2 needed");
    slots[1] = admit(t.g, 1, &GREEDY);
    assert_int_equal(gen_admit(t.g, embed, NULL, &GREEDY, &slot, &e), -1);
    assert_string_equal(e.msg, "generation: 0 of 2 rows are free, 1 needed");
    run(t.g); /* finished sequences give their rows to others, but keep their tokens */
    assert_int_equal(gen_rows_free(t.g), 2);
    slots[2] = admit(t.g, 2, &GREEDY);
    slots[3] = admit(t.g, 3, &GREEDY);
    run(t.g);
    assert_int_equal(gen_rows_free(t.g), 0); /* no handle is left */
    assert_int_equal(gen_admit(t.g, embed, NULL, &GREEDY, &slot, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    for (int i = 0; i < 4; i++) {
        assert_true(gen_done(t.g, slots[i]));
        gen_drop(t.g, slots[i]);
    }
    assert_int_equal(gen_rows_free(t.g), 2);
    bench_close(&t);
}

static void test_refused_settings(void **state)
{
    static const struct {
        struct gen_settings s;
        enum err_code code;
        const char *message;
    } CASES[] = {
        { { .temperature = -1, .top_p = 1, .guidance = 1 },
          ERR_INVALID,
          "temperature: -1 is no number from 0 on" },
        { { .temperature = INFINITY, .top_p = 1, .guidance = 1 },
          ERR_INVALID,
          "temperature: inf is no number from 0 on" },
        { { .top_k = -2, .top_p = 1, .guidance = 1 }, ERR_INVALID, "top_k: -2 is below 0" },
        { { .top_p = 1.5f, .guidance = 1 }, ERR_INVALID, "top_p: 1.5 is outside 0..1" },
        { { .top_p = 1, .guidance = INFINITY }, ERR_INVALID, "guidance: inf is no number" },
        { { .top_p = 1, .guidance = 2 },
          ERR_UNSUPPORTED,
          "guidance: 2 needs a null condition; tiny has none" },
    };
    struct bench t = bench_open(false, 4, 1);
    struct err e = { 0 };
    float embed[E], zero[E] = { 0 };
    int slot;

    (void)state;
    embedding(0, embed);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(gen_admit(t.g, embed, NULL, &CASES[i].s, &slot, &e), -1);
        assert_string_equal(e.msg, CASES[i].message);
        assert_int_equal(e.code, CASES[i].code);
    }
    embed[3] = NAN;
    assert_int_equal(gen_admit(t.g, embed, NULL, &GREEDY, &slot, &e), -1);
    assert_string_equal(e.msg, "condition: element 3 is no number");
    assert_int_equal(gen_admit(t.g, zero, embed, &GREEDY, &slot, &e), -1);
    assert_string_equal(e.msg, "condition: element 3 is no number");
    assert_int_equal(gen_rows_free(t.g), 4);
    bench_close(&t);
}

static void test_refused_calls(void **state)
{
    struct bench t = bench_open(false, 2, 1);
    struct err e = { 0 };
    struct image img;
    struct gen *other;
    int32_t tokens[T] = { 0 };
    float embed[E];

    (void)state;
    int slot = admit(t.g, 0, &GREEDY);
    step(t.g);
    assert_int_equal(gen_image(t.g, slot, &img, &e), -1);
    assert_string_equal(e.msg, "generation: slot 0 has 1 of 16 tokens");
    tokens[5] = V;
    assert_int_equal(gen_decode(t.g, tokens, &img, &e), -1);
    assert_string_equal(e.msg, "tokens[5]: 64 is outside 0..63");
    assert_int_equal(gen_embed_text(t.g, tokens, CONTEXT, embed, &e), -1);
    assert_string_equal(e.msg, "end token: 16 is outside 0..15");
    assert_int_equal(gen_new(t.b, 0, &other, &e), -1);
    assert_string_equal(e.msg, "generation: rows: 0 is outside 1..128");
    assert_int_equal(gen_new(t.b, 129, &other, &e), -1);
    bench_close(&t);
}

/* Weights that have become NaN end in words, not in a picture. */
static void test_broken_weights(void **state)
{
    static float nan_row[48];
    struct bench t = bench_open(false, 2, 1);
    struct param *norm = param_find(&t.b->gpt_params, "norm.weight");
    struct err e = { 0 };

    (void)state;
    for (int i = 0; i < 48; i++)
        nan_row[i] = NAN;
    assert_non_null(norm);
    golden_ok(device_upload(t.dev, &norm->value, 0, nan_row, sizeof nan_row, &e), &e);
    admit(t.g, 0, &GREEDY);
    assert_int_equal(gen_step(t.g, &e), -1);
    assert_int_equal(e.code, ERR_INTERNAL);
    assert_string_equal(e.msg, "token 0 of a sequence is -1, outside 0..63: weights that are no "
                               "numbers?");
    bench_close(&t);
}

/* ---- pictures as prompts ---- */

static struct image picture(int w, int h, int channels)
{
    struct image img;
    struct err e = { 0 };

    golden_ok(image_new(w, h, channels, &img, &e), &e);
    for (int i = 0; i < w * h; i++)
        for (int c = 0; c < channels; c++)
            img.px[i * channels + c] = c == 3 ? 255 : (uint8_t)(i * (c + 3) + 40 * c);
    return img;
}

static void test_embed_image(void **state)
{
    struct bench t = bench_open(false, 1, 2);
    struct image rgb = picture(50, 40, 3), rgba = picture(50, 40, 4), square;
    struct err e = { 0 };
    float a[E], b[E];
    double sum = 0;

    (void)state;
    golden_ok(gen_embed_image(t.g, &rgb, a, &e), &e);
    golden_ok(gen_embed_image(t.g, &rgba, b, &e), &e);
    assert_memory_equal(a, b, sizeof a);
    golden_ok(gen_fit_image(t.g, &rgba, &square, &e), &e); /* beforehand is the same */
    golden_ok(gen_embed_image(t.g, &square, b, &e), &e);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(square.w, t.b->config.clip.image.size);
    for (int i = 0; i < E; i++)
        sum += a[i] * a[i];
    assert_true(fabs(sum - 1) < 1e-5);
    rgb.px[3 * 25] ^= 128;
    golden_ok(gen_embed_image(t.g, &rgb, b, &e), &e);
    assert_memory_not_equal(a, b, sizeof a);
    image_release(&rgb);
    image_release(&rgba);
    image_release(&square);
    bench_close(&t);
}

/* Pixels of the reference's input have the reference's tokens. Rounding them to 8 bits tips the
 * balance between two codes in one place of 32; wrong pixels would agree in one of 64. */
static void test_encode_reference(void **state)
{
    struct bench t = bench_open(false, 1, 2);
    struct image img = picture(SIDE, SIDE, 3);
    struct err e = { 0 };
    struct golden want;
    int32_t got[T];
    int equal = 0;

    (void)state;
    golden_open(&want, "vqgan_tiny.safetensors");
    float *x = golden_floats(&want, "in.x", NULL); /* [2, 3, SIDE, SIDE] */
    int32_t *tokens = golden_ints(&want, "out.indices", NULL);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < PIXELS; k++) {
            float v = x[(i * 3 + k % 3) * SIDE * SIDE + k / 3];
            img.px[k] = (uint8_t)lrintf((v + 1) * 127.5f);
        }
        golden_ok(gen_encode(t.g, &img, got, &e), &e);
        for (int k = 0; k < T; k++)
            equal += got[k] == tokens[i * T + k];
    }
    assert_true(equal >= 2 * T - 2);
    mem_free(x);
    mem_free(tokens);
    image_release(&img);
    golden_close(&want);
    bench_close(&t);
}

static void test_encode_fits_any_size(void **state)
{
    struct bench t = bench_open(false, 1, 2);
    struct image large = picture(70, 50, 4), square, drawn;
    struct err e = { 0 };
    int32_t a[T], b[T];

    (void)state;
    golden_ok(gen_encode(t.g, &large, a, &e), &e);
    golden_ok(gen_fit_picture(t.g, &large, &square, &e), &e);
    assert_int_equal(square.w, SIDE);
    golden_ok(gen_encode(t.g, &square, b, &e), &e);
    assert_memory_equal(a, b, sizeof a);
    golden_ok(gen_decode(t.g, a, &drawn, &e), &e);
    assert_int_equal(drawn.w, SIDE);
    image_release(&large);
    image_release(&square);
    image_release(&drawn);
    bench_close(&t);
}

/* What is planned without memory is what is taken. */
static void test_plan(void **state)
{
    static const enum param_format FORMATS[] = { PARAM_F32, PARAM_Q8_0, PARAM_PLAIN };
    struct err e = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
        struct bench t = bench_open_in(FORMATS[i], true, 5, 1);
        struct bundle *planned;
        size_t weights, work;
        golden_ok(bundle_plan(&t.b->config, t.dev, FORMATS[i], &planned, &weights, &e), &e);
        golden_ok(gen_plan(planned, 5, &work, &e), &e);
        assert_int_equal(work, gen_bytes(t.g));
        assert_true(weights > 0 && !planned->gpt_params.values);
        golden_ok(gen_plan(planned, 6, &work, &e), &e);
        assert_true(work > gen_bytes(t.g));
        assert_int_equal(gen_plan(planned, 0, &work, &e), -1);
        assert_string_equal(e.msg, "generation: rows: 0 is outside 1..128");
        bundle_close(planned);
        bench_close(&t);
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_reference),
    cmocka_unit_test(test_company_changes_nothing),
    cmocka_unit_test(test_threads_change_nothing),
    cmocka_unit_test(test_seed_decides),
    cmocka_unit_test(test_guidance),
    cmocka_unit_test(test_negative),
    cmocka_unit_test(test_drop_in_the_middle),
    cmocka_unit_test(test_full),
    cmocka_unit_test(test_refused_settings),
    cmocka_unit_test(test_refused_calls),
    cmocka_unit_test(test_broken_weights),
    cmocka_unit_test(test_embed_image),
    cmocka_unit_test(test_encode_reference),
    cmocka_unit_test(test_encode_fits_any_size),
    cmocka_unit_test(test_plan),
};

TEST_MAIN(TESTS)
