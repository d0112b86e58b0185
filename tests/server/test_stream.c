/*
 * Answers as streams of events, from socket to socket with a fake engine.
 */
#include "tests/test.h"

#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/format.h"
#include "base/mem.h"
#include "tests/server/client.h"
#include "tests/server/fixture.h"

/* ---- a reader of events ---- */

struct reader {
    int fd;
    struct buf chunk, text; /* text: what has come, without the events that were taken */
    char name[32];
    json_t *data; /* of the event taken last */
    int heartbeats;
    bool ended;
};

static void reader_open_at(struct reader *r, struct fixture *f, const char *path, const char *json)
{
    struct answer a;

    *r = (struct reader){ .fd = client_connect(f->port) };
    buf_init(&r->chunk, 64 << 20);
    buf_init(&r->text, 64 << 20);
    client_post_to(r->fd, path, json, "");
    client_headers(r->fd, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "text/event-stream");
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-store");
    assert_string_equal(answer_header(&a, "X-Accel-Buffering"), "no");
    answer_release(&a);
}

static void reader_open(struct reader *r, struct fixture *f, const char *json)
{
    reader_open_at(r, f, "/v1/generate", json);
}

static void reader_close(struct reader *r)
{
    json_decref(r->data);
    buf_release(&r->chunk);
    buf_release(&r->text);
    close(r->fd);
}

/* One part that ends with an empty line; false at the end of the stream. */
static bool take_part(struct reader *r, char **ret_part)
{
    char *end;

    while (!(r->text.len && (end = strstr(r->text.data, "\n\n")))) {
        if (!client_chunk(r->fd, &r->chunk)) {
            r->ended = true;
            return false;
        }
        buf_append(&r->text, r->chunk.data, r->chunk.len);
    }
    *ret_part = mem_strndup(r->text.data, (size_t)(end - r->text.data));
    r->text.len -= (size_t)(end + 2 - r->text.data);
    memmove(r->text.data, end + 2, r->text.len + 1);
    return true;
}

/* The next event; its name and data are in r. */
static bool next(struct reader *r)
{
    char *part, *data;
    const char *type;

    while (take_part(r, &part)) {
        if (*part == ':') {
            r->heartbeats++;
            mem_free(part);
            continue;
        }
        assert_int_equal(sscanf(part, "event: %31s", r->name), 1);
        data = strstr(part, "\ndata: ");
        assert_non_null(data);
        assert_null(strchr(data + 1, '\n'));
        json_decref(r->data);
        r->data = json_loads(data + strlen("\ndata: "), 0, NULL);
        type = json_string_value(json_object_get(r->data, "type"));
        assert_string_equal(type, r->name);
        mem_free(part);
        return true;
    }
    return false;
}

static int64_t number(const struct reader *r, const char *key)
{
    return json_integer_value(json_object_get(r->data, key));
}

static void assert_next(struct reader *r, const char *name)
{
    assert_true(next(r));
    assert_string_equal(r->name, name);
}

/* Takes events until the one of this name; how many others there were. */
static int skip_to(struct reader *r, const char *name)
{
    for (int n = 0;; n++) {
        assert_true(next(r));
        if (strcmp(r->name, name) == 0)
            return n;
    }
}

static void open_default(struct fixture *f)
{
    struct fixture_options o = fixture_defaults();

    o.tokens = 40;
    fixture_open(f, &o);
}

/* ---- what is said ---- */

static void test_from_queued_to_completed(void **state)
{
    struct fixture f;
    struct reader r;
    json_t *image;

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->hold, FAKE_EMBED_CALL);
    reader_open(&r, &f, "{\"prompt\":\"a\",\"seed\":7,\"n\":2,\"stream\":true}");
    assert_next(&r, "queued");
    assert_int_equal(number(&r, "queue_position"), 0);
    wait_for_held(&f, FAKE_EMBED_CALL);
    atomic_store(&f.fake->hold, FAKE_NONE);
    skip_to(&r, "completed");
    assert_int_equal(number(&r, "seed"), 7);
    assert_int_equal(json_array_size(json_object_get(r.data, "images")), 2);
    image = json_array_get(json_object_get(r.data, "images"), 1);
    assert_int_equal(json_integer_value(json_object_get(image, "seed")), 8);
    assert_non_null(json_string_value(json_object_get(image, "b64_json")));
    assert_false(next(&r));
    assert_true(r.ended);
    reader_close(&r);
    fixture_close(&f);
}

/* A reader that keeps up hears of progress, in order, and only now and then. */
static void test_progress(void **state)
{
    struct fixture f;
    struct reader r;
    double last = 0;
    int n = 0;

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->step_us, 4000);
    reader_open(&r, &f, "{\"prompt\":\"a\",\"n\":3,\"stream\":true}");
    while (next(&r) && strcmp(r.name, "completed") != 0) {
        double now = json_real_value(json_object_get(r.data, "progress"));
        if (strcmp(r.name, "queued") == 0)
            continue;
        assert_string_equal(r.name, "progress");
        assert_true(now >= last && now <= 1);
        last = now;
        n++;
    }
    assert_true(n >= 3 && n <= 24);
    reader_close(&r);
    fixture_close(&f);
}

static void assert_picture(const struct reader *r)
{
    const char *text = json_string_value(json_object_get(r->data, "b64_json"));
    struct buf file;
    struct image img;

    assert_non_null(text);
    buf_init(&file, 1 << 20);
    assert_int_equal(base64_decode(text, strlen(text), &file, NULL), 0);
    assert_int_equal(format_decode(file.data, file.len, 10000, &img, NULL), 0);
    assert_int_equal(img.w, FAKE_SIDE);
    image_release(&img);
    buf_release(&file);
}

static void test_partial_images(void **state)
{
    struct fixture f;
    struct reader r;
    int shown[2] = { 0 };

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->step_us, 5000);
    reader_open(&r, &f,
                "{\"prompt\":\"a\",\"n\":2,\"stream\":true,\"partial_images\":3,"
                "\"output_format\":\"webp\"}");
    while (next(&r) && strcmp(r.name, "completed") != 0) {
        int64_t i = number(&r, "image_index");
        if (strcmp(r.name, "partial_image") != 0)
            continue;
        assert_true(i == 0 || i == 1);
        assert_true(number(&r, "partial_image_index") >= shown[i]); /* a slow reader misses some */
        assert_true(number(&r, "partial_image_index") < 3);
        shown[i] = (int)number(&r, "partial_image_index") + 1;
        assert_picture(&r);
    }
    assert_int_equal(shown[0], 3);
    assert_int_equal(shown[1], 3);
    assert_int_equal(atomic_load(&f.fake->decoded), 2 + 2 * 3);
    reader_close(&r);
    fixture_close(&f);
}

/* Whatever was shown on the way, the picture is the same. */
static void test_partials_change_nothing(void **state)
{
    static const char *const REQUESTS[] = {
        "{\"prompt\":\"a\",\"seed\":7,\"stream\":true,\"partial_images\":8}",
        "{\"prompt\":\"a\",\"seed\":7,\"stream\":true}",
    };
    struct fixture f;
    struct reader r[2];
    json_t *image[2];

    (void)state;
    open_default(&f);
    for (int i = 0; i < 2; i++) {
        reader_open(&r[i], &f, REQUESTS[i]);
        skip_to(&r[i], "completed");
        image[i] = json_array_get(json_object_get(r[i].data, "images"), 0);
    }
    assert_true(json_equal(image[0], image[1]));
    reader_close(&r[0]);
    reader_close(&r[1]);
    fixture_close(&f);
}

static void test_failure_is_an_event(void **state)
{
    struct fixture f;
    struct reader r;
    json_t *error;

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->fail_code, ERR_INTERNAL);
    atomic_store(&f.fake->fail, FAKE_STEP_CALL);
    reader_open(&r, &f, "{\"prompt\":\"a\",\"stream\":true}");
    skip_to(&r, "error");
    error = json_object_get(r.data, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "internal");
    assert_string_equal(json_string_value(json_object_get(error, "message")),
                        "the fake engine was told to fail");
    assert_false(next(&r));
    reader_close(&r);
    fixture_close(&f);
}

static void test_refusal_comes_before_the_stream(void **state)
{
    struct fixture f;
    struct answer a;

    (void)state;
    open_default(&f);
    client_generate(f.port, "{\"prompt\":\"a\",\"partial_images\":2}", "", &a);
    assert_int_equal(a.status, 400);
    assert_non_null(strstr(a.body.data, "partial_images: 2 without stream; set stream to true"));
    answer_release(&a);
    client_generate(f.port, "{\"prompt\":\"!\",\"stream\":true}", "", &a);
    assert_int_equal(a.status, 400);
    answer_release(&a);
    fixture_close(&f);
}

static void test_heartbeats(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    struct reader r;

    (void)state;
    o.heartbeat_s = 0.05;
    fixture_open(&f, &o);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    reader_open(&r, &f, "{\"prompt\":\"a\",\"stream\":true}");
    wait_for_held(&f, FAKE_STEP_CALL);
    usleep(400000);
    atomic_store(&f.fake->hold, FAKE_NONE);
    skip_to(&r, "completed");
    assert_true(r.heartbeats >= 2 && r.heartbeats <= 8);
    reader_close(&r);
    fixture_close(&f);
}

/* ---- clients that leave or stall ---- */

static void leave_in(enum fake_call call)
{
    struct fixture f;
    struct reader r;

    open_default(&f);
    atomic_store(&f.fake->hold, (int)call);
    reader_open(&r, &f, "{\"prompt\":\"a\",\"n\":8,\"stream\":true,\"partial_images\":4}");
    wait_for_held(&f, call);
    reader_close(&r);
    wait_for_stat(&f, STATS_CLIENT_ABORTS, 1); /* also while the engine stands still */
    atomic_store(&f.fake->hold, FAKE_NONE);
    wait_for_stat(&f, STATS_CANCELLED, 1);
    assert_int_equal(atomic_load(&f.fake->live), 0);
    fixture_close(&f);
}

static void test_gone_in_every_state(void **state)
{
    (void)state;
    leave_in(FAKE_EMBED_CALL);
    leave_in(FAKE_STEP_CALL);
    leave_in(FAKE_DECODE_CALL);
}

/* It takes nothing for write_s: its job is dropped, though its connection is open. */
static void test_stalled_reader_is_cut_off(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    int fd, small = 4096;

    (void)state;
    o.write_s = 0.3;
    o.tokens = FAKE_TOKENS_MAX;
    fixture_open(&f, &o);
    f.fake->engine.info.side = 512;
    atomic_store(&f.fake->step_us, 50000);
    fd = client_connect(f.port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_post(fd, "{\"prompt\":\"a\",\"n\":4,\"stream\":true,\"partial_images\":8}", "");
    wait_for_stat(&f, STATS_CLIENT_ABORTS, 1);
    wait_for_stat(&f, STATS_CANCELLED, 1);
    close(fd);
    fixture_close(&f);
}

/* ---- jobs ---- */

static void test_events_of_a_job(void **state)
{
    struct fixture f;
    struct reader r;
    struct answer a;
    char text[200];

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    client_generate(f.port, "{\"prompt\":\"a\",\"seed\":3}", "Prefer: respond-async\r\n", &a);
    snprintf(text, sizeof text, "GET %s/events HTTP/1.1\r\nHost: x\r\n\r\n",
             answer_header(&a, "Location"));
    answer_release(&a);
    for (int i = 0; i < 2; i++) { /* while it runs; once it is over */
        r = (struct reader){ .fd = client_connect(f.port) };
        buf_init(&r.chunk, 1 << 20);
        buf_init(&r.text, 1 << 20);
        client_send(r.fd, text);
        client_headers(r.fd, &a);
        assert_int_equal(a.status, 200);
        answer_release(&a);
        atomic_store(&f.fake->hold, FAKE_NONE);
        skip_to(&r, "completed");
        assert_int_equal(number(&r, "seed"), 3);
        reader_close(&r);
    }
    fixture_close(&f);
}

/* Many streams at once; the daemon drains while they run. */
static void test_drain(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    struct reader r[20];

    (void)state;
    o.tokens = 40;
    fixture_open(&f, &o);
    atomic_store(&f.fake->step_us, 500);
    for (int i = 0; i < 20; i++)
        reader_open(&r[i], &f, "{\"prompt\":\"a\",\"stream\":true,\"partial_images\":2}");
    atomic_store(&f.app.draining, true);
    http_quiesce(f.work);
    queue_close(f.app.queue);
    for (int i = 0; i < 20; i++) {
        skip_to(&r[i], "completed");
        assert_false(next(&r[i]));
        reader_close(&r[i]);
    }
    fixture_close(&f);
}

/* OpenAI's events have every key that its schema requires, and nothing else is said. */
static void test_openai(void **state)
{
    static const char *const KEYS[] = { "b64_json", "created_at",    "size",
                                        "quality",  "output_format", "background" };
    struct fixture f;
    struct reader r;
    int n[2] = { 0, 0 }, partials = 0;

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->step_us, 2000);
    reader_open_at(&r, &f, "/v1/images/generations",
                   "{\"prompt\":\"a\",\"seed\":7,\"n\":2,\"stream\":true,\"partial_images\":2}");
    while (next(&r)) {
        bool last = strcmp(r.name, "image_generation.completed") == 0;
        for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++)
            assert_non_null(json_object_get(r.data, KEYS[i]));
        if (!last) {
            assert_string_equal(r.name, "image_generation.partial_image");
            assert_int_equal(number(&r, "partial_image_index"), n[number(&r, "image_index")]++);
            partials++;
            continue;
        }
        assert_int_equal(number(&r, "seed"), 7 + number(&r, "image_index"));
        assert_int_equal(
            json_integer_value(json_object_get(json_object_get(r.data, "usage"), "output_tokens")),
            2 * 40);
        n[number(&r, "image_index")] = -1;
    }
    assert_int_equal(n[0], -1);
    assert_int_equal(n[1], -1);
    assert_true(partials > 0);
    reader_close(&r);
    fixture_close(&f);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_from_queued_to_completed),
    cmocka_unit_test(test_progress),
    cmocka_unit_test(test_partial_images),
    cmocka_unit_test(test_partials_change_nothing),
    cmocka_unit_test(test_failure_is_an_event),
    cmocka_unit_test(test_refusal_comes_before_the_stream),
    cmocka_unit_test(test_heartbeats),
    cmocka_unit_test(test_gone_in_every_state),
    cmocka_unit_test(test_stalled_reader_is_cut_off),
    cmocka_unit_test(test_events_of_a_job),
    cmocka_unit_test(test_openai),
    cmocka_unit_test(test_drain),
};

TEST_MAIN(TESTS)
