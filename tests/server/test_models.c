/*
 * Several models, loaded on demand within a memory budget, and replaced while they work: from
 * socket to socket with fake bundles of 100 MiB each where 250 are allowed.
 */
#include "tests/test.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/server/client.h"
#include "tests/server/fixture.h"

#define MIB ((size_t)1 << 20)

static const char *const PATHS[] = { "./fake", "./other", "./third" };

static void open_with(struct fixture *f, int models)
{
    struct fixture_options o = fixture_defaults();

    alarm(60); /* no test waits forever */
    o.models = models;
    o.warm_up = true;
    fixture_open(f, &o);
}

static struct fake_bundle *bundle(struct fixture *f, int i)
{
    return &f->shop.bundles[i];
}

static int draw_with(struct fixture *f, const char *model, struct answer *a)
{
    char body[128];

    snprintf(body, sizeof body, "{\"prompt\":\"a cat\",\"seed\":7,\"model\":\"%s\"}", model);
    client_generate(f->port, body, "", a);
    return a->status;
}

static void assert_draws(struct fixture *f, const char *model)
{
    struct answer a;
    json_t *o;

    assert_int_equal(draw_with(f, model, &a), 200);
    o = client_json(&a);
    assert_string_equal(json_string_value(json_object_get(o, "model")), model);
    json_decref(o);
    answer_release(&a);
}

static void assert_refused(struct fixture *f, const char *model, int status, const char *words)
{
    struct answer a;
    json_t *o, *error;

    assert_int_equal(draw_with(f, model, &a), status);
    o = client_json(&a);
    error = json_object_get(o, "error");
    assert_string_equal(json_string_value(json_object_get(error, "message")), words);
    assert_string_equal(json_string_value(json_object_get(error, "param")), "model");
    json_decref(o);
    answer_release(&a);
}

static void assert_state(struct fixture *f, const char *model, const char *state)
{
    struct answer a;
    char path[64];
    json_t *o;

    snprintf(path, sizeof path, "/v1/models/%s", model);
    client_get(f->port, path, &a);
    assert_int_equal(a.status, 200);
    o = client_json(&a);
    assert_string_equal(json_string_value(json_object_get(o, "state")), state);
    json_decref(o);
    answer_release(&a);
}

static void wait_for_state(struct fixture *f, const char *model, enum model_state state)
{
    struct model_view v;

    do {
        usleep(200);
        assert_int_equal(models_view(f->app.models, model, &v, NULL), 0);
    } while (v.state != state);
}

/* Nobody holds a model any more, a moment after the answer is out. */
static void wait_until_idle(struct fixture *f)
{
    while (sched_jobs(f->app.sched) > 0)
        usleep(200);
    usleep(2000);
}

/* ---- on demand ---- */

static void test_first_is_loaded(void **state)
{
    struct fixture f;

    (void)state;
    open_with(&f, 2);
    assert_state(&f, "fake", "ready");
    assert_state(&f, "other", "unloaded");
    assert_int_equal(models_bytes(f.app.models), 100 * MIB);
    assert_int_equal(atomic_load(&bundle(&f, 0)->last->decoded), 1); /* it has drawn a picture */
    assert_refused(&f, "third", 404, "model: 'third' is not served here; fake and other are");
    fixture_close(&f);
}

static void test_loaded_on_demand(void **state)
{
    struct fixture f;

    (void)state;
    open_with(&f, 2);
    assert_draws(&f, "other");
    assert_state(&f, "other", "ready");
    assert_int_equal(models_bytes(f.app.models), 200 * MIB);
    assert_draws(&f, "fake");
    assert_draws(&f, "other");
    assert_int_equal(atomic_load(&bundle(&f, 1)->opened), 1);
    fixture_close(&f);
}

/* 250 MiB are room for two: the one that was used longest ago goes, but never the first. */
static void test_idle_models_make_room(void **state)
{
    struct fixture f;

    (void)state;
    open_with(&f, 3);
    assert_draws(&f, "other");
    wait_until_idle(&f);
    assert_draws(&f, "third");
    assert_state(&f, "other", "unloaded");
    assert_state(&f, "third", "ready");
    assert_state(&f, "fake", "ready");
    assert_int_equal(atomic_load(&bundle(&f, 1)->closed), 1);
    wait_until_idle(&f);
    assert_draws(&f, "other");
    assert_state(&f, "third", "unloaded");
    assert_int_equal(models_bytes(f.app.models), 200 * MIB);
    fixture_close(&f);
}

static void test_no_room(void **state)
{
    struct fixture f;
    struct answer a;

    (void)state;
    open_with(&f, 2);
    atomic_store(&bundle(&f, 1)->bytes, 151 * MIB);
    assert_int_equal(draw_with(&f, "other", &a), 503);
    answer_release(&a);
    assert_state(&f, "other", "failed");
    assert_refused(&f, "other", 503,
                   "model: 'other' cannot be loaded: other does not fit: it takes 151 MiB (weights "
                   "151, caches and activations of 4 rows 0); 150 MiB are left of memory_max_mib, "
                   "models in use take 100");
    assert_draws(&f, "fake");
    fixture_close(&f);
}

/* A model with a request on its way is not unloaded for another. */
static void test_busy_models_stay(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_with(&f, 3);
    assert_draws(&f, "other");
    wait_until_idle(&f);
    atomic_store(&bundle(&f, 1)->last->hold, FAKE_DECODE_CALL);
    fd = client_connect(f.port);
    client_post(fd, "{\"prompt\":\"a\",\"model\":\"other\"}", "");
    while (atomic_load(&bundle(&f, 1)->last->held) != FAKE_DECODE_CALL)
        usleep(200);
    assert_int_equal(models_serve(f.app.models, PATHS, 1, NULL), 0); /* and not even dropped */
    models_tidy(f.app.models);
    assert_int_equal(atomic_load(&bundle(&f, 1)->closed), 0);
    atomic_store(&bundle(&f, 1)->last->hold, FAKE_NONE);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(fd);
    wait_until_idle(&f);
    models_tidy(f.app.models);
    assert_int_equal(atomic_load(&bundle(&f, 1)->closed), 1);
    fixture_close(&f);
}

/* ---- while it loads ---- */

static int post_while_loading(struct fixture *f, const char *json)
{
    int fd = client_connect(f->port);

    client_post(fd, json, "");
    wait_for_state(f, "other", MODEL_LOADING);
    return fd;
}

static void test_many_wait_for_one_load(void **state)
{
    struct fixture f;
    struct answer a;
    int fds[4];

    (void)state;
    open_with(&f, 2);
    atomic_store(&bundle(&f, 1)->hold, true);
    for (int i = 0; i < 4; i++)
        fds[i] = post_while_loading(&f, "{\"prompt\":\"a\",\"model\":\"other\"}");
    assert_draws(&f, "fake"); /* nobody else waits */
    atomic_store(&bundle(&f, 1)->hold, false);
    for (int i = 0; i < 4; i++) {
        client_read(fds[i], false, &a);
        assert_int_equal(a.status, 200);
        answer_release(&a);
        close(fds[i]);
    }
    assert_int_equal(atomic_load(&bundle(&f, 1)->opened), 1);
    fixture_close(&f);
}

static void test_too_many_wait(void **state)
{
    struct fixture f;
    struct answer a;
    int fds[8];

    (void)state;
    open_with(&f, 2);
    atomic_store(&bundle(&f, 1)->hold, true);
    for (int i = 0; i < 8; i++)
        fds[i] = post_while_loading(&f, "{\"prompt\":\"a\",\"model\":\"other\"}");
    while (models_waiting(f.app.models) < 8)
        usleep(200);
    assert_int_equal(draw_with(&f, "other", &a), 429);
    assert_non_null(strstr(a.body.data, "8 requests wait for 'other' and others to be loaded"));
    assert_non_null(answer_header(&a, "Retry-After"));
    answer_release(&a);
    atomic_store(&bundle(&f, 1)->hold, false);
    for (int i = 0; i < 8; i++) {
        client_read(fds[i], false, &a);
        answer_release(&a);
        close(fds[i]);
    }
    fixture_close(&f);
}

static void test_deadline_while_loading(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_with(&f, 2);
    atomic_store(&bundle(&f, 1)->hold, true);
    fd = post_while_loading(&f, "{\"prompt\":\"a\",\"model\":\"other\",\"timeout_ms\":100}");
    client_read(fd, false, &a);
    assert_int_equal(a.status, 504);
    assert_non_null(strstr(a.body.data, "s have passed, the model is not loaded yet"));
    assert_int_equal(stats_get(f.app.stats, STATS_DEADLINES), 1);
    answer_release(&a);
    close(fd);
    atomic_store(&bundle(&f, 1)->hold, false);
    wait_for_state(&f, "other", MODEL_READY);
    fixture_close(&f);
}

static void test_client_leaves_while_loading(void **state)
{
    struct fixture f;

    (void)state;
    open_with(&f, 2);
    atomic_store(&bundle(&f, 1)->hold, true);
    close(post_while_loading(&f, "{\"prompt\":\"a\",\"model\":\"other\"}"));
    wait_for_stat(&f, STATS_CLIENT_ABORTS, 1);
    atomic_store(&bundle(&f, 1)->hold, false);
    wait_for_state(&f, "other", MODEL_READY);
    assert_int_equal(atomic_load(&bundle(&f, 1)->last->admitted), 1); /* the warm-up's */
    fixture_close(&f);
}

static void test_drain_while_loading(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_with(&f, 2);
    atomic_store(&bundle(&f, 1)->hold, true);
    fd = post_while_loading(&f, "{\"prompt\":\"a\",\"model\":\"other\"}");
    atomic_store(&f.app.draining, true);
    queue_close(f.app.queue);
    models_stop(f.app.models);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 503);
    assert_non_null(strstr(a.body.data, "not ready: shutting down"));
    answer_release(&a);
    close(fd);
    atomic_store(&bundle(&f, 1)->hold, false);
    fixture_close(&f);
}

/* One that cannot be loaded says why, is left alone for a while, and is tried again. */
static void test_broken_on_demand(void **state)
{
    struct fixture f;
    struct answer a;

    (void)state;
    open_with(&f, 2);
    atomic_store(&bundle(&f, 1)->broken, true);
    draw_with(&f, "other", &a);
    answer_release(&a);
    assert_refused(&f, "other", 503,
                   "model: 'other' cannot be loaded: ./other/model.safetensors: told to be broken");
    atomic_store(&bundle(&f, 1)->broken, false);
    assert_refused(&f, "other", 503,
                   "model: 'other' cannot be loaded: ./other/model.safetensors: told to be broken");
    clock_stop_at(clock_ns() + 6000000000LL);
    assert_int_equal(draw_with(&f, "other", &a), 200);
    answer_release(&a);
    clock_stop_at(-1);
    fixture_close(&f);
}

/* ---- replaced ---- */

static void test_reload_replaces_what_has_changed(void **state)
{
    struct fixture f;

    (void)state;
    open_with(&f, 2);
    assert_draws(&f, "other");
    wait_until_idle(&f);
    assert_int_equal(models_serve(f.app.models, PATHS, 2, NULL), 0);
    assert_int_equal(atomic_load(&bundle(&f, 0)->opened), 1); /* the same files */
    atomic_store(&bundle(&f, 1)->bytes, 10 * MIB);
    atomic_store(&bundle(&f, 1)->version, 2);
    assert_int_equal(models_serve(f.app.models, PATHS, 2, NULL), 0);
    assert_int_equal(atomic_load(&bundle(&f, 0)->opened), 1);
    assert_int_equal(atomic_load(&bundle(&f, 1)->opened), 2);
    models_tidy(f.app.models);
    assert_int_equal(atomic_load(&bundle(&f, 1)->closed), 1);
    assert_int_equal(models_bytes(f.app.models), 110 * MIB);
    assert_draws(&f, "other");
    fixture_close(&f);
}

/* Old requests finish on the old one, new ones begin on the new one. */
static void test_reload_under_a_request(void **state)
{
    struct fixture f;
    struct answer a;
    struct fake *old;
    int fd;

    (void)state;
    open_with(&f, 1);
    old = f.fake;
    atomic_store(&old->step_us, 2000);
    fd = client_connect(f.port);
    client_post(fd, "{\"prompt\":\"a\",\"n\":16,\"seed\":1}", "");
    wait_for(&old->admitted, 2); /* after the warm-up's */
    atomic_store(&bundle(&f, 0)->version, 2);
    assert_int_equal(models_serve(f.app.models, PATHS, 1, NULL), 0);
    assert_ptr_not_equal(atomic_load(&bundle(&f, 0)->last), old);
    assert_draws(&f, "fake");
    assert_int_equal(atomic_load(&bundle(&f, 0)->last->admitted), 2);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(fd);
    wait_until_idle(&f);
    models_tidy(f.app.models);
    assert_int_equal(atomic_load(&bundle(&f, 0)->closed), 1);
    fixture_close(&f);
}

static void test_bad_bundles_change_nothing(void **state)
{
    struct fixture f;
    struct err e;

    (void)state;
    open_with(&f, 2);
    atomic_store(&bundle(&f, 0)->version, 2);
    atomic_store(&bundle(&f, 1)->bad, true);
    assert_int_equal(models_serve(f.app.models, PATHS, 2, &e), -1);
    assert_string_equal(e.msg, "./other/config.json: told to be bad");
    atomic_store(&bundle(&f, 1)->bad, false);
    atomic_store(&bundle(&f, 0)->broken, true);
    assert_int_equal(models_serve(f.app.models, PATHS, 2, &e), -1);
    assert_string_equal(e.msg, "./fake/model.safetensors: told to be broken");
    atomic_store(&bundle(&f, 0)->broken, false);
    atomic_store(&bundle(&f, 0)->mute, true);
    assert_int_equal(models_serve(f.app.models, PATHS, 2, &e), -1);
    assert_string_equal(e.msg, "warm-up: the fake engine was told to fail");
    atomic_store(&bundle(&f, 0)->mute, false);
    atomic_store(&bundle(&f, 0)->bytes, 200 * MIB);
    assert_int_equal(models_serve(f.app.models, PATHS, 2, &e), -1);
    assert_memory_equal(e.msg, "fake does not fit: it takes 200 MiB", 35);
    assert_int_equal(models_serve(f.app.models, (const char *const[]){ "fake", "fake" }, 2, &e),
                     -1);
    assert_string_equal(e.msg, "bundles: fake and fake are both called fake");
    assert_int_equal(models_serve(f.app.models, (const char *const[]){ "nowhere" }, 1, &e), -1);
    assert_string_equal(e.msg, "nowhere: No such file or directory");
    usleep(2000);
    models_tidy(f.app.models);
    assert_int_equal(models_bytes(f.app.models), 100 * MIB);
    assert_draws(&f, "fake");
    assert_state(&f, "other", "unloaded");
    fixture_close(&f);
}

/* A full queue is no reason to refuse a model. */
static void test_reload_while_full(void **state)
{
    struct fixture f;
    struct answer a;
    int fds[4];

    (void)state;
    open_with(&f, 1);
    atomic_store(&f.fake->step_us, 10000);
    for (int i = 0; i < 4; i++) {
        fds[i] = client_connect(f.port);
        client_post(fds[i], "{\"prompt\":\"a\",\"n\":16}", "");
    }
    while (queue_pictures(f.app.queue) < 40)
        usleep(200);
    atomic_store(&bundle(&f, 0)->version, 2);
    assert_int_equal(models_serve(f.app.models, PATHS, 1, NULL), 0);
    assert_true(queue_pictures(f.app.queue) > 0);
    for (int i = 0; i < 4; i++) {
        client_read(fds[i], false, &a);
        assert_int_equal(a.status, 200);
        answer_release(&a);
        close(fds[i]);
    }
    fixture_close(&f);
}

/* A model that is not served any more is nobody's; one that is new can be asked for. */
static void test_other_models_than_before(void **state)
{
    struct fixture f;

    (void)state;
    open_with(&f, 2);
    assert_int_equal(
        models_serve(f.app.models, (const char *const[]){ "./third", "./fake" }, 2, NULL), 0);
    assert_refused(&f, "other", 404, "model: 'other' is not served here; third and fake are");
    assert_draws(&f, "fake");
    assert_draws(&f, "third");
    assert_int_equal(atomic_load(&bundle(&f, 0)->opened), 1);
    assert_string_equal(models_first(f.app.models).model, "third");
    fixture_close(&f);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_first_is_loaded),
    cmocka_unit_test(test_loaded_on_demand),
    cmocka_unit_test(test_idle_models_make_room),
    cmocka_unit_test(test_no_room),
    cmocka_unit_test(test_busy_models_stay),
    cmocka_unit_test(test_many_wait_for_one_load),
    cmocka_unit_test(test_too_many_wait),
    cmocka_unit_test(test_deadline_while_loading),
    cmocka_unit_test(test_client_leaves_while_loading),
    cmocka_unit_test(test_drain_while_loading),
    cmocka_unit_test(test_broken_on_demand),
    cmocka_unit_test(test_reload_replaces_what_has_changed),
    cmocka_unit_test(test_reload_under_a_request),
    cmocka_unit_test(test_bad_bundles_change_nothing),
    cmocka_unit_test(test_reload_while_full),
    cmocka_unit_test(test_other_models_than_before),
};

TEST_MAIN(TESTS)
