/*
 * What a finished job becomes: files with and without words, sheets, JSON.
 */
#include "tests/test.h"

#include <jansson.h>
#include <string.h>

#include "base/base64.h"
#include "server/answer.h"
#include "server/parameters.h"
#include "tests/server/engine_fake.h"

#define TOKENS 6

static const struct request_limits LIMITS = {
    .image_pixels = 1000,
    .timeout_ms = 1000,
    .metadata = true,
};

struct bench {
    struct fake *fake;
    const struct engine_info *info;
    struct job *job;
};

/* A job of this request whose pictures are drawn: shades of grey, tokens and scores that count up.
 */
static void bench_open(struct bench *b, const char *json)
{
    char param[REQUEST_PARAM_MAX];
    struct gen_request r;
    struct err e;

    b->fake = fake_open(4, TOKENS);
    b->fake->engine.info.sampling =
        (struct bundle_sampling){ .temperature = 0.9f, .top_k = 40, .top_p = 0.95f, .guidance = 2 };
    b->info = &b->fake->engine.info;
    if (gen_request_parse(json, strlen(json), &LIMITS, &r, param, &e) ||
        gen_request_fit(&r, b->info, param, &e) ||
        gen_request_prepare(&r, &b->fake->engine, param, &e) ||
        job_new("my-1", "me", &r, b->info, &b->job, &e))
        fail_msg("%s", e.msg);
    for (int i = 0; i < b->job->n_pictures; i++) {
        struct picture *p = &b->job->pictures[i];
        assert_int_equal(image_new(FAKE_SIDE, FAKE_SIDE, 3, &p->image, NULL), 0);
        memset(p->image.px, 10 * i, FAKE_SIDE * FAKE_SIDE * 3);
        p->tokens[1] = 100 + i;
        p->embed[2] = 0.1f;
        p->score = 0.01f * (float)i;
    }
}

/* The scheduler's last touch; the job stays ours. */
static void finish(struct bench *b)
{
    job_finish(job_hold(b->job));
}

static void bench_close(struct bench *b)
{
    job_free(b->job);
    b->fake->engine.calls->close(&b->fake->engine);
}

/* ---- words ---- */

static void assert_words(const char *json, const char *words)
{
    struct bench b;
    struct buf text;

    bench_open(&b, json);
    buf_init(&text, 1 << 20);
    parameters_print(b.job, &b.job->pictures[b.job->n_pictures - 1], &text);
    assert_string_equal(text.data, words);
    buf_release(&text);
    bench_close(&b);
}

#define SETTINGS                                                                                   \
    "Seed: 7, Size: 8x8, Model: fake, Temperature: 0.9, Top k: 40, Top p: 0.95, Version: "         \
    "clipgen " CLIPGEN_VERSION

static void test_parameters(void **state)
{
    (void)state;
    assert_words("{\"prompt\":\"a cat\",\"seed\":7}", "a cat\nSteps: 6, CFG scale: 2, " SETTINGS);
    assert_words("{\"prompt\":[\"a cat\",\"a dog\"],\"seed\":7,\"guidance_scale\":1.5,"
                 "\"negative_prompt\":\"a hat\"}",
                 "a dog\nNegative prompt: a hat\nSteps: 6, CFG scale: 1.5, " SETTINGS);
    assert_words("{\"mix\":[{\"text\":\"a cat\",\"weight\":0.5},{\"embedding\":[1,0,0,0]}],"
                 "\"seed\":7}",
                 "a cat :0.5 AND <embedding>\nSteps: 6, CFG scale: 2, " SETTINGS);
    assert_words("{\"embedding\":[1,0,0,0],\"seed\":7}",
                 "<embedding>\nSteps: 6, CFG scale: 2, " SETTINGS);
}

/* ---- files ---- */

static void test_words_travel_with_files(void **state)
{
    static const char *const FLAGS[] = { "true", "false" };

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct bench b;
        char json[100];
        snprintf(json, sizeof json, "{\"prompt\":\"a cat\",\"seed\":7,\"metadata\":%s}", FLAGS[k]);
        bench_open(&b, json);
        for (int f = FORMAT_PNG; f <= FORMAT_JPEG; f++) {
            struct buf file;
            buf_init(&file, 1 << 20);
            assert_int_equal(answer_picture(b.job, 0, (enum format)f, &file, NULL), 0);
            bool words = memmem(file.data, file.len, "a cat\nSteps: 6", 14) != NULL;
            bool software = memmem(file.data, file.len, "Software\0clipgen " CLIPGEN_VERSION,
                                   16 + strlen(CLIPGEN_VERSION)) != NULL;
            assert_int_equal(words, k == 0);
            assert_int_equal(software, k == 0 && f == FORMAT_PNG);
            buf_release(&file);
        }
        bench_close(&b);
    }
}

static void test_sheets(void **state)
{
    struct bench b;
    struct buf file;
    struct image img;

    (void)state;
    bench_open(&b, "{\"prompt\":[\"a\",\"b\"],\"n\":2,\"candidates\":32}");
    finish(&b);
    buf_init(&file, 1 << 20);
    assert_int_equal(answer_sheet(b.job, FORMAT_WEBP, &file, NULL), 0);
    assert_int_equal(format_decode(file.data, file.len, 10000, &img, NULL), 0);
    assert_int_equal(img.w, 2 * FAKE_SIDE + 2);
    assert_int_equal(img.h, 2 * FAKE_SIDE + 2);
    image_release(&img);
    buf_release(&file);
    bench_close(&b);
}

/* ---- JSON ---- */

static json_t *answer(struct bench *b)
{
    int64_t ns = 0;
    struct err e;
    json_t *o = answer_json(b->job, &ns, &e);

    if (!o)
        fail_msg("%s", e.msg);
    assert_true(ns > 0);
    return o;
}

static void test_best_of_each_prompt(void **state)
{
    struct bench b;
    json_t *o, *images, *scores;

    (void)state;
    bench_open(&b, "{\"prompt\":[\"a\",\"b\"],\"seed\":5,\"n\":2,\"candidates\":3,"
                   "\"return\":[\"scores\",\"tokens\",\"embedding\"]}");
    finish(&b);
    o = answer(&b);
    images = json_object_get(o, "images");
    scores = json_object_get(o, "scores");
    assert_int_equal(json_array_size(images), 4);
    assert_int_equal(json_array_size(scores), 6);
    for (int i = 0; i < 4; i++) {
        json_t *image = json_array_get(images, (size_t)i);
        int drawn = i / 2 * 3 + 2 - i % 2; /* later ones have better scores */
        assert_int_equal(json_object_size(image), 6);
        assert_int_equal(json_integer_value(json_object_get(image, "prompt")), i / 2);
        assert_int_equal(json_integer_value(json_object_get(image, "seed")), 5 + drawn % 3);
        assert_int_equal(json_integer_value(json_array_get(json_object_get(image, "tokens"), 1)),
                         100 + drawn);
        assert_int_equal(json_array_size(json_object_get(image, "embedding")), FAKE_EMBED);
    }
    for (int i = 0; i < 6; i++) {
        json_t *score = json_array_get(scores, (size_t)i);
        assert_int_equal(json_integer_value(json_object_get(score, "prompt")), i / 3);
        assert_int_equal(json_integer_value(json_object_get(score, "seed")), 5 + i % 3);
        assert_true(json_real_value(json_object_get(score, "score")) == (double)(0.01f * (float)i));
    }
    json_decref(o);
    bench_close(&b);
}

static void test_nothing_extra_unless_asked(void **state)
{
    struct bench b;
    json_t *o;

    (void)state;
    bench_open(&b, "{\"prompt\":\"a\",\"output_format\":\"jpeg\"}");
    finish(&b);
    o = answer(&b);
    assert_string_equal(json_string_value(json_object_get(o, "output_format")), "jpeg");
    assert_null(json_object_get(o, "scores"));
    assert_int_equal(json_object_size(json_array_get(json_object_get(o, "images"), 0)), 4);
    json_decref(o);
    bench_close(&b);
}

/* Nine digits bring every float back. */
static void test_floats_come_back(void **state)
{
    static const float V[] = { 0.1f, -1e-30f, 16777217.0f, 0.33333334f, 3.4028235e38f };
    struct reply r;
    json_t *back;

    (void)state;
    reply_init(&r);
    reply_json(&r, answer_floats(V, 5));
    back = json_loadb(r.body.data, r.body.len, 0, NULL);
    for (size_t i = 0; i < 5; i++)
        assert_true((float)json_real_value(json_array_get(back, i)) == V[i]);
    json_decref(back);
    reply_release(&r);
}

static void test_seeds(void **state)
{
    struct bench b;
    struct reply r;

    (void)state;
    bench_open(&b, "{\"prompt\":[\"a\",\"b\"],\"seed\":9007199254740990,\"n\":16}");
    reply_init(&r);
    answer_seeds(b.job, &r);
    assert_memory_equal(r.headers[0].value, "9007199254740990,9007199254740991,0,1,", 38);
    assert_non_null(strstr(r.headers[0].value, ",13,9007199254740990,"));
    reply_release(&r);
    bench_close(&b);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_parameters),
    cmocka_unit_test(test_words_travel_with_files),
    cmocka_unit_test(test_sheets),
    cmocka_unit_test(test_best_of_each_prompt),
    cmocka_unit_test(test_nothing_extra_unless_asked),
    cmocka_unit_test(test_floats_come_back),
    cmocka_unit_test(test_seeds),
};

TEST_MAIN(TESTS)
