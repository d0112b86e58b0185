/*
 * The request path with the 1st, 2nd, 3rd... allocation failing: every failure has words, and
 * nothing is leaked or touched twice (the sanitizers say).
 */
#include "tests/test.h"

#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/png.h"
#include "server/instance.h"
#include "server/models.h"
#include "server/sched.h"
#include "tests/server/engine_fake.h"

static const struct request_limits LIMITS = {
    .image_pixels = 1000,
    .timeout_ms = 1000,
};

static int parse_and_make_job(const char *json, const struct engine *g, struct err *e)
{
    char param[REQUEST_PARAM_MAX];
    struct gen_request r;
    struct job *job;

    if (gen_request_parse(json, strlen(json), &LIMITS, &r, param, e))
        return -1;
    if (gen_request_fit(&r, &g->info, param, e) || gen_request_prepare(&r, g, param, e)) {
        gen_request_release(&r);
        return -1;
    }
    if (job_new("id", "", &r, &g->info, &job, e))
        return -1;
    job_free(job);
    return 0;
}

static void fail_each(const char *json)
{
    struct fake *fake = fake_open(4, 5);
    int failed = -1;
    long n = 0;

    while (failed) {
        struct err e = { 0 };
        mem_fail_after(++n);
        failed = parse_and_make_job(json, &fake->engine, &e);
        mem_fail_after(0);
        assert_true(!failed || e.code == ERR_NOMEM);
        assert_true(n < 1000);
    }
    assert_true(n > 5);
    fake->engine.calls->close(&fake->engine);
}

static void test_text_request(void **state)
{
    (void)state;
    fail_each("{\"prompt\":\"a cat\",\"n\":2,\"candidates\":6}");
}

static void test_mixed_request(void **state)
{
    (void)state;
    fail_each("{\"mix\":[{\"text\":\"a\"},{\"embedding\":[1,2,3,4],\"weight\":2}]}");
    fail_each("{\"prompt\":[\"a\",\"b\"],\"negative_prompt\":\"c\",\"guidance_scale\":2}");
}

static void test_image_request(void **state)
{
    struct image img;
    struct buf png, json;

    (void)state;
    assert_int_equal(image_new(8, 8, 3, &img, NULL), 0);
    buf_init(&png, 1 << 16);
    buf_init(&json, 1 << 16);
    assert_int_equal(png_encode(&img, NULL, 0, &png, NULL), 0);
    buf_puts(&json, "{\"image\":\"");
    base64_encode(png.data, png.len, &json);
    buf_puts(&json, "\"}");
    fail_each(json.data);
    image_release(&img);
    buf_release(&png);
    buf_release(&json);
}

static struct job *submit(struct queue *q, struct instance *i)
{
    struct gen_request r = { .inputs = mem_alloc(1, sizeof *r.inputs),
                             .n_inputs = 1,
                             .n_prompts = 1,
                             .n = 2,
                             .candidates = 3,
                             .temperature = 1,
                             .top_p = 1,
                             .guidance = 1,
                             .timeout_ms = 60000 };
    struct job *job;

    r.inputs[0] = (struct input){ .weight = 1, .ids = mem_alloc(FAKE_CONTEXT, sizeof(int32_t)) };
    assert_int_equal(job_new("id", "", &r, &i->engine->info, &job, NULL), 0);
    job_give_instance(job, i);
    assert_int_equal(queue_reserve(q, 3, NULL), 0);
    queue_push(q, job_hold(job));
    return job;
}

/* The scheduler turns with failing memory: the job fails, its slots are free. */
static void test_scheduler(void **state)
{
    struct fake *fake = fake_open(4, 5);
    struct instance *i;
    struct queue *q;
    struct stats *stats;
    struct sched *s;
    enum err_code code = ERR_NOMEM;

    (void)state;
    assert_int_equal(instance_new(&fake->engine, &i, NULL), 0);
    assert_int_equal(queue_new(10, &q, NULL), 0);
    assert_int_equal(stats_new(&stats, NULL), 0);
    assert_int_equal(sched_new(q, stats, &s, NULL), 0);
    for (long n = 1; code == ERR_NOMEM; n++) {
        struct job *job = submit(q, i);
        mem_fail_after(n);
        while (!job_over(job))
            sched_turn(s);
        mem_fail_after(0);
        code = job->err.code;
        job_free(job);
        assert_int_equal(atomic_load(&fake->live), 0);
        assert_int_equal(queue_pictures(q), 0);
        assert_true(n < 1000);
    }
    assert_int_equal(code, ERR_NONE);
    sched_free(s);
    stats_free(stats);
    queue_free(q);
    assert_int_equal(atomic_load(&i->holds), 0);
    instance_free(i);
}

static int take_as_it_is(void *arg, struct instance *i, struct err *e)
{
    (void)arg;
    (void)i;
    (void)e;
    return 0;
}

/* Another set of models with failing memory: the old one stays, and nothing is left behind. */
static void test_models(void **state)
{
    static const char *const OLD[] = { "fake" }, *const NEW[] = { "other", "fake", "third" };
    struct fake_shop shop;
    struct models_options o = { .memory_max = (size_t)1 << 30, .warm_up = take_as_it_is };
    struct models *m;
    long n = 0;
    int failed = -1;

    (void)state;
    fake_shop_init(&shop, 4, 5);
    o.source = fake_source(&shop);
    assert_int_equal(models_new(&o, &m, NULL), 0);
    assert_int_equal(models_serve(m, OLD, 1, NULL), 0);
    while (failed) {
        struct err e = { 0 };
        mem_fail_after(++n);
        failed = models_serve(m, NEW, 3, &e);
        mem_fail_after(0);
        assert_true(!failed || e.code == ERR_NOMEM);
        assert_string_equal(models_first(m).model, failed ? "fake" : "other");
        assert_true(n < 100);
    }
    assert_true(n > 5);
    assert_int_equal(models_bytes(m), (size_t)200 << 20);
    models_free(m);
    assert_int_equal(atomic_load(&shop.bundles[0].opened), 1);
    assert_int_equal(atomic_load(&shop.bundles[1].opened), atomic_load(&shop.bundles[1].closed));
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_text_request),  cmocka_unit_test(test_mixed_request),
    cmocka_unit_test(test_image_request), cmocka_unit_test(test_scheduler),
    cmocka_unit_test(test_models),
};

TEST_MAIN(TESTS)
