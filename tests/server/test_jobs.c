/*
 * Jobs that are kept: /v1/jobs/{id} and Idempotency-Key, from socket to socket with a fake engine.
 */
#include "tests/test.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "tests/server/client.h"
#include "tests/server/fixture.h"

#define CAT "{\"prompt\":\"a cat\",\"seed\":7}"
#define ASYNC "Prefer: respond-async\r\n"

static const char *text_of(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

/* The path of a new job. */
static void start(struct fixture *f, const char *json, const char *headers, char path[80])
{
    struct answer a;

    client_generate(f->port, json, headers, &a);
    assert_int_equal(a.status, 202);
    assert_string_equal(answer_header(&a, "Preference-Applied"), "respond-async");
    snprintf(path, 80, "%s", answer_header(&a, "Location"));
    assert_memory_equal(path, "/v1/jobs/job-", 13);
    assert_int_equal(strlen(path), 13 + 32);
    answer_release(&a);
}

static json_t *get(struct fixture *f, const char *path)
{
    struct answer a;
    json_t *o;

    client_get(f->port, path, &a);
    assert_int_equal(a.status, 200);
    o = client_json(&a);
    answer_release(&a);
    return o;
}

static json_t *wait_until_over(struct fixture *f, const char *path)
{
    for (;;) {
        json_t *o = get(f, path);
        if (json_object_get(o, "ended"))
            return o;
        json_decref(o);
        usleep(500);
    }
}

static void assert_status(struct fixture *f, const char *path, const char *status)
{
    json_t *o = wait_until_over(f, path);

    assert_string_equal(text_of(o, "status"), status);
    json_decref(o);
}

static void call(struct fixture *f, const char *method, const char *path, int status)
{
    struct answer a;

    client_call(f->port, method, path, "", NULL, &a);
    assert_int_equal(a.status, status);
    answer_release(&a);
}

static void open_with(struct fixture *f, int jobs_max, double ttl_s)
{
    struct fixture_options o = fixture_defaults();

    o.jobs_max = jobs_max;
    o.jobs_ttl_s = ttl_s;
    fixture_open(f, &o);
}

static void test_from_queue_to_result(void **state)
{
    struct fixture f;
    char first[80], second[80], file[100];
    json_t *o, *images;
    struct answer a, alone;

    (void)state;
    open_with(&f, 8, 100);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    start(&f, "{\"prompt\":\"a\",\"n\":4}", ASYNC, first);
    wait_for_held(&f, FAKE_STEP_CALL);
    start(&f, CAT, "Prefer: wait=10, Respond-Async\r\n", second);
    o = get(&f, first);
    assert_string_equal(text_of(o, "status"), "running");
    assert_string_equal(text_of(o, "object"), "job");
    assert_string_equal(text_of(o, "id"), first + strlen("/v1/jobs/"));
    assert_null(json_object_get(o, "queue_position"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "images"), "total")), 4);
    json_decref(o);
    o = get(&f, second);
    assert_string_equal(text_of(o, "status"), "queued");
    assert_int_equal(json_integer_value(json_object_get(o, "queue_position")), 0);
    assert_true(json_real_value(json_object_get(o, "progress")) == 0);
    json_decref(o);
    snprintf(file, sizeof file, "%s/images/0.png", second);
    client_get(f.port, file, &a);
    assert_answer_error(&a, 409, "not_done", "the job is not done: queued");
    answer_release(&a);

    atomic_store(&f.fake->hold, FAKE_NONE);
    o = wait_until_over(&f, second);
    assert_string_equal(text_of(o, "status"), "succeeded");
    assert_true(json_real_value(json_object_get(o, "progress")) == 1);
    images = json_object_get(json_object_get(o, "result"), "images");
    assert_int_equal(json_array_size(images), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(images, 0), "seed")), 7);
    assert_non_null(text_of(json_array_get(images, 0), "b64_json"));
    json_decref(o);
    client_get(f.port, file, &a);
    assert_string_equal(answer_header(&a, "Content-Type"), "image/png");
    answer_release(&a);
    snprintf(file, sizeof file, "%s/images/0.webp", second);
    client_get(f.port, file, &a);
    assert_string_equal(answer_header(&a, "Content-Type"), "image/webp");
    answer_release(&a);
    client_generate(f.port, CAT, "", &alone);
    assert_int_equal(alone.status, 200);
    answer_release(&alone);
    fixture_close(&f);
}

static void test_unknown_names(void **state)
{
    static const struct {
        const char *name, *message;
    } CASES[] = {
        { "1.png", "images: the job has 1" },
        { "0.gif", "0.gif: not of the form 0.png, 0.jpeg or 0.webp" },
        { "0", "0: not of the form 0.png, 0.jpeg or 0.webp" },
        { "-1.png", "-1.png: not of the form 0.png, 0.jpeg or 0.webp" },
        { "99999999999.png", "99999999999.png: not of the form 0.png, 0.jpeg or 0.webp" },
    };
    struct fixture f;
    struct answer a;
    char path[80], file[120];

    (void)state;
    open_with(&f, 8, 100);
    start(&f, CAT, ASYNC, path);
    assert_status(&f, path, "succeeded");
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        snprintf(file, sizeof file, "%s/images/%s", path, CASES[i].name);
        client_get(f.port, file, &a);
        assert_answer_error(&a, 404, "not_found", CASES[i].message);
        answer_release(&a);
    }
    client_get(f.port, "/v1/jobs/job-00000000000000000000000000000000", &a);
    assert_answer_error(&a, 404, "not_found",
                        "/v1/jobs/job-00000000000000000000000000000000: no such job");
    answer_release(&a);
    call(&f, "DELETE", "/v1/jobs/x", 404);
    fixture_close(&f);
}

static void test_failure_is_told(void **state)
{
    struct fixture f;
    char path[80], file[120];
    json_t *o;

    (void)state;
    open_with(&f, 8, 100);
    atomic_store(&f.fake->fail_code, ERR_INTERNAL);
    atomic_store(&f.fake->fail, FAKE_DECODE_CALL);
    start(&f, CAT, ASYNC, path);
    o = wait_until_over(&f, path);
    assert_string_equal(text_of(o, "status"), "failed");
    assert_string_equal(text_of(json_object_get(o, "error"), "code"), "internal");
    assert_null(json_object_get(o, "result"));
    json_decref(o);
    snprintf(file, sizeof file, "%s/images/0.png", path);
    call(&f, "GET", file, 500);
    fixture_close(&f);
}

/* DELETE while the engine stands still: the answer comes when the job has ended and its slots are
 * free. */
static void cancel(struct fixture *f, const char *path)
{
    struct answer a;
    char text[160];
    int fd = client_connect(f->port);

    snprintf(text, sizeof text, "DELETE %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    client_send(fd, text);
    usleep(20000);
    atomic_store(&f->fake->hold, FAKE_NONE);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body.data, "\"status\":\"cancelled\""));
    answer_release(&a);
    close(fd);
}

static void test_cancel_while_running(void **state)
{
    static const enum fake_call CALLS[] = { FAKE_EMBED_CALL, FAKE_STEP_CALL, FAKE_DECODE_CALL };
    struct fixture f;
    char path[80];

    (void)state;
    open_with(&f, 8, 100);
    for (int i = 0; i < 3; i++) {
        atomic_store(&f.fake->hold, (int)CALLS[i]);
        start(&f, "{\"prompt\":\"a\",\"n\":8}", ASYNC, path);
        wait_for_held(&f, CALLS[i]);
        cancel(&f, path);
        assert_int_equal(sched_rows_used(f.app.sched), 0);
        assert_int_equal(queue_pictures(f.app.queue), 0);
        assert_status(&f, path, "cancelled");
    }
    fixture_close(&f);
}

static void test_cancel_while_queued(void **state)
{
    struct fixture f;
    char busy[80], path[80];

    (void)state;
    open_with(&f, 8, 100);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    start(&f, "{\"prompt\":\"a\",\"n\":4}", ASYNC, busy);
    wait_for_held(&f, FAKE_STEP_CALL);
    start(&f, CAT, ASYNC, path);
    cancel(&f, path);
    assert_status(&f, path, "cancelled");
    assert_status(&f, busy, "succeeded");
    assert_int_equal(atomic_load(&f.fake->admitted), 4);
    fixture_close(&f);
}

static void test_put_away(void **state)
{
    struct fixture f;
    struct answer a;
    char path[80], message[120];

    (void)state;
    open_with(&f, 8, 100);
    start(&f, CAT, ASYNC, path);
    assert_status(&f, path, "succeeded");
    call(&f, "DELETE", path, 200);
    client_get(f.port, path, &a);
    snprintf(message, sizeof message, "%s: the job is no longer kept", path + strlen("/v1/jobs/"));
    assert_answer_error(&a, 410, "gone", message);
    answer_release(&a);
    call(&f, "DELETE", path, 410);
    fixture_close(&f);

    open_with(&f, 8, 0.001);
    start(&f, CAT, ASYNC, path);
    while (shelf_count(f.app.shelf) > 0) {
        usleep(1000);
        shelf_tidy(f.app.shelf);
    }
    call(&f, "GET", path, 410);
    fixture_close(&f);
}

static void test_full_shelf(void **state)
{
    struct fixture f;
    struct answer a;
    char path[3][80];

    (void)state;
    open_with(&f, 2, 100);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    start(&f, CAT, ASYNC, path[0]);
    start(&f, CAT, ASYNC, path[1]);
    client_generate(f.port, CAT, ASYNC, &a);
    assert_answer_error(&a, 429, "queue_full", "jobs: 2 are kept and run, the limit is 2");
    assert_non_null(answer_header(&a, "Retry-After"));
    answer_release(&a);
    atomic_store(&f.fake->hold, FAKE_NONE);
    assert_status(&f, path[0], "succeeded");
    assert_status(&f, path[1], "succeeded");
    start(&f, CAT, ASYNC, path[2]); /* the first one makes room */
    call(&f, "GET", path[0], 410);
    call(&f, "GET", path[1], 200);
    fixture_close(&f);
}

/* ---- Idempotency-Key ---- */

#define KEY "Idempotency-Key: k-1\r\n"

static void test_same_key_same_job(void **state)
{
    struct fixture f;
    struct answer first, again, other;
    char path[2][80];

    (void)state;
    open_with(&f, 8, 100);
    client_generate(f.port, "{\"prompt\":\"a\"}", KEY "Accept: image/png\r\n", &first);
    client_generate(f.port, "{\"prompt\":\"a\"}", KEY "Accept: image/png\r\n", &again);
    assert_int_equal(first.status, 200);
    assert_null(answer_header(&first, "Idempotency-Replayed"));
    assert_string_equal(answer_header(&again, "Idempotency-Replayed"), "true");
    assert_int_equal(first.body.len, again.body.len); /* though the seed is random */
    assert_memory_equal(first.body.data, again.body.data, first.body.len);
    assert_int_equal(atomic_load(&f.fake->admitted), 1);
    answer_release(&first);
    answer_release(&again);

    client_generate(f.port, "{\"prompt\":\"b\"}", KEY, &other);
    assert_answer_error(&other, 422, "idempotency_mismatch",
                        "Idempotency-Key: 'k-1' came before with another request");
    answer_release(&other);
    start(&f, CAT, ASYNC "Idempotency-Key: k-2\r\n", path[0]);
    start(&f, CAT, ASYNC "Idempotency-Key: k-2\r\n", path[1]);
    assert_string_equal(path[0], path[1]);
    fixture_close(&f);
}

static void test_bad_keys(void **state)
{
    struct fixture f;
    struct answer a;
    char header[400] = "Idempotency-Key: ";

    (void)state;
    open_with(&f, 8, 100);
    memset(header + strlen(header), 'k', 256);
    memcpy(header + strlen(header), "\r\n", 3);
    client_generate(f.port, CAT, header, &a);
    assert_answer_error(&a, 400, "invalid_value", "Idempotency-Key: 256 bytes is outside 1..255");
    answer_release(&a);
    client_generate(f.port, CAT, "Idempotency-Key:\r\n", &a);
    assert_answer_error(&a, 400, "invalid_value", "Idempotency-Key: 0 bytes is outside 1..255");
    answer_release(&a);
    fixture_close(&f);
}

/* A retry finds the job that the lost connection has left behind. */
static void test_lost_client_comes_back(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_with(&f, 8, 100);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    fd = client_connect(f.port);
    client_post(fd, CAT, KEY);
    wait_for_held(&f, FAKE_STEP_CALL);
    close(fd);
    wait_for_stat(&f, STATS_CLIENT_ABORTS, 1);
    fd = client_connect(f.port);
    client_post(fd, CAT, KEY); /* waits beside nobody */
    usleep(20000);
    atomic_store(&f.fake->hold, FAKE_NONE);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Idempotency-Replayed"), "true");
    assert_int_equal(atomic_load(&f.fake->admitted), 1);
    answer_release(&a);
    close(fd);
    fixture_close(&f);
}

static void test_failed_one_is_done_again(void **state)
{
    struct fixture f;
    struct answer a;

    (void)state;
    open_with(&f, 8, 100);
    atomic_store(&f.fake->fail_code, ERR_INTERNAL);
    atomic_store(&f.fake->fail, FAKE_DECODE_CALL);
    client_generate(f.port, CAT, KEY, &a);
    assert_int_equal(a.status, 500);
    answer_release(&a);
    client_generate(f.port, CAT, KEY, &a);
    assert_int_equal(a.status, 200);
    assert_null(answer_header(&a, "Idempotency-Replayed"));
    answer_release(&a);
    fixture_close(&f);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_from_queue_to_result),
    cmocka_unit_test(test_unknown_names),
    cmocka_unit_test(test_failure_is_told),
    cmocka_unit_test(test_cancel_while_running),
    cmocka_unit_test(test_cancel_while_queued),
    cmocka_unit_test(test_put_away),
    cmocka_unit_test(test_full_shelf),
    cmocka_unit_test(test_same_key_same_job),
    cmocka_unit_test(test_bad_keys),
    cmocka_unit_test(test_lost_client_comes_back),
    cmocka_unit_test(test_failed_one_is_done_again),
};

TEST_MAIN(TESTS)
