/*
 * Every endpoint with the 1st, 2nd, 3rd... allocation failing, from the connection to the answer:
 * it alone, or it and all that follow. The connection ends, or the answer is 503, or it is what it
 * would have been; slots and places are free again, and the next request is served.
 *
 * Those of jansson are counted where it builds answers. Where it reads requests it is spared: that
 * of jansson 2.14 writes past its memory when there is too little.
 */
#include "tests/test.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/png.h"
#include "tests/server/client.h"
#include "tests/server/fixture.h"

#define ALLOCATIONS_MAX 20000
#define PATIENCE_NS 20000000000LL
#define JSON "Content-Type: application/json\r\n"
#define FORM "Content-Type: multipart/form-data; boundary=XX\r\n"

enum same {
    SAME_STATUS,
    SAME_JSON, /* but for ids and times */
    SAME_BYTES,
};

/* PICTURE in a body stands for base64 of one. */
static const struct ask {
    const char *line, *headers, *body;
    int status;
    enum same same;
} ASKS[] = {
    { "POST /v1/generate", JSON,
      "{\"prompt\":[\"a\",\"b\"],\"negative_prompt\":\"c\",\"guidance_scale\":2,\"n\":2,"
      "\"candidates\":3,\"seed\":7,\"return\":[\"tokens\",\"scores\",\"embedding\"]}",
      200, SAME_JSON },
    { "POST /v1/generate", JSON,
      "{\"mix\":[{\"image\":\"PICTURE\",\"weight\":2},{\"embedding\":[1,2,3,4]}],\"seed\":7}", 200,
      SAME_JSON },
    { "POST /v1/generate", JSON "Accept: image/png\r\n", "{\"prompt\":\"a\",\"n\":3,\"seed\":7}",
      200, SAME_BYTES },
    { "POST /v1/generate", JSON "Accept: image/jpeg\r\n", "{\"prompt\":\"a\",\"seed\":7}", 200,
      SAME_BYTES },
    { "POST /v1/generate", JSON,
      "{\"prompt\":\"a\",\"stream\":true,\"partial_images\":2,\"seed\":7}", 200, SAME_STATUS },
    { "POST /v1/generate", JSON "Prefer: respond-async\r\n", "{\"prompt\":\"a\"}", 202,
      SAME_STATUS },
    { "POST /v1/generate", JSON "Idempotency-Key: one\r\n", "{\"prompt\":\"a\",\"seed\":7}", 200,
      SAME_JSON },
    { "POST /v1/generate", JSON, "{\"prompt\":\"a\",\"n\":17}", 400, SAME_JSON },
    { "POST /v1/generate", JSON, "{\"promt\":\"a\"}", 400, SAME_JSON },
    { "POST /v1/embeddings", JSON, "{\"input\":[\"a\",\"b\"],\"images\":\"PICTURE\"}", 200,
      SAME_JSON },
    { "POST /v1/embeddings", JSON, "{\"input\":\"a\",\"encoding_format\":\"base64\"}", 200,
      SAME_JSON },
    { "POST /v1/rank", JSON, "{\"texts\":[\"a\",\"b\"],\"images\":[\"PICTURE\",\"PICTURE\"]}", 200,
      SAME_JSON },
    { "POST /v1/encode", JSON, "{\"images\":\"PICTURE\"}", 200, SAME_JSON },
    { "POST /v1/decode", JSON, "{\"tokens\":[1,2,3,4,5,6]}", 200, SAME_JSON },
    { "POST /v1/images/generations", JSON,
      "{\"prompt\":\"a\",\"n\":2,\"seed\":7,\"size\":\"auto\",\"response_format\":\"url\"}", 200,
      SAME_JSON },
    { "POST /v1/images/generations", JSON,
      "{\"prompt\":\"a\",\"stream\":true,\"partial_images\":1}", 200, SAME_STATUS },
    { "POST /v1/images/variations", FORM,
      "--XX\r\nContent-Disposition: form-data; name=\"seed\"\r\n\r\n7\r\n"
      "--XX\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n"
      "no picture\r\n--XX--\r\n",
      400, SAME_JSON },
    { "POST /sdapi/v1/txt2img", JSON, "{\"prompt\":\"a\",\"seed\":7,\"batch_size\":2,\"x\":1}", 200,
      SAME_STATUS },
    { "POST /sdapi/v1/options", JSON, "{\"sd_model_checkpoint\":\"fake\"}", 200, SAME_JSON },
    { "POST /sdapi/v1/interrupt", "", "", 200, SAME_JSON },
    { "GET /sdapi/v1/progress", "", "", 200, SAME_JSON },
    { "GET /sdapi/v1/sd-models", "", "", 200, SAME_JSON },
    { "GET /sdapi/v1/samplers", "", "", 200, SAME_JSON },
    { "GET /v1/models", "", "", 200, SAME_STATUS },
    { "GET /v1/models/nobody", "", "", 404, SAME_JSON },
    { "GET /v1/jobs/nobody", "", "", 404, SAME_JSON },
    { "GET /v1/capabilities", "", "", 200, SAME_JSON },
    { "GET /healthz", "", "", 200, SAME_STATUS },
    { "GET /metrics", "", "", 200, SAME_STATUS },
    { "GET /", "", "", 200, SAME_BYTES },
    { "GET /nowhere", "", "", 404, SAME_JSON },
};
#define N_ASKS (sizeof ASKS / sizeof ASKS[0])

/* ---- what counts ---- */

static json_malloc_t uncounted_alloc;
static _Atomic(struct fake *) engine;
static _Atomic int worked; /* what the engine had been asked before this request */

static int work_of(struct fake *fake)
{
    return atomic_load(&fake->embedded) + atomic_load(&fake->decoded);
}

/* For jansson: once the engine works on a request, that has been read. */
static void *alloc(size_t n)
{
    struct fake *fake = atomic_load(&engine);

    return fake && work_of(fake) == atomic_load(&worked) ? uncounted_alloc(n) : mem_alloc(n, 1);
}

/* ---- one request, without memory of ours ---- */

static char answer[1 << 20];
static size_t answer_len;

static void make_picture(struct buf *base64)
{
    struct image img;
    struct buf png;

    assert_int_equal(image_new(8, 8, 3, &img, NULL), 0);
    buf_init(&png, 1 << 16);
    assert_int_equal(png_encode(&img, NULL, 0, &png, NULL), 0);
    base64_encode(png.data, png.len, base64);
    buf_release(&png);
    image_release(&img);
}

static void make_body(const struct ask *a, struct buf *body)
{
    struct buf picture;
    const char *at = a->body, *next;

    buf_init(&picture, 1 << 16);
    make_picture(&picture);
    for (; (next = strstr(at, "PICTURE")); at = next + strlen("PICTURE")) {
        buf_append(body, at, (size_t)(next - at));
        buf_append(body, picture.data, picture.len);
    }
    buf_puts(body, at);
    buf_release(&picture);
}

static void make_request(const struct ask *a, struct buf *request)
{
    struct buf body;

    buf_init(&body, 1 << 16);
    make_body(a, &body);
    buf_printf(request, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: it\r\n%s",
               a->line, a->headers);
    if (body.len)
        buf_printf(request, "Content-Length: %zu\r\n", body.len);
    buf_puts(request, "\r\n");
    buf_append(request, body.data, body.len);
    assert_int_equal(buf_check(request, NULL), 0);
    buf_release(&body);
}

/* The answer until the connection ends. */
static void ask(int port, const struct buf *request)
{
    int fd = client_connect(port);
    ssize_t got;

    client_send_bytes(fd, request->data, request->len);
    answer_len = 0;
    while ((got = recv(fd, answer + answer_len, sizeof answer - 1 - answer_len, 0)) > 0)
        answer_len += (size_t)got;
    answer[answer_len] = 0;
    assert_true(got == 0 || errno == ECONNRESET); /* and not after the patience of the client */
    close(fd);
}

static int status(void)
{
    int status = 0;

    sscanf(answer, "HTTP/1.1 %d", &status);
    return status;
}

static const char *body(void)
{
    const char *end = strstr(answer, "\r\n\r\n");

    return end ? end + 4 : "";
}

/* All is over and given back. */
static void settle(struct fixture *f)
{
    int64_t until = clock_ns() + PATIENCE_NS;

    while (sched_jobs(f->app.sched) || queue_pictures(f->app.queue) || http_busy(f->work) ||
           atomic_load(&f->fake->live)) {
        assert_true(clock_ns() < until);
        usleep(50);
    }
}

/* ---- what it should have been ---- */

static json_t *parse_answer(void)
{
    json_t *o = json_loads(body(), 0, NULL);

    assert_non_null(o);
    json_object_del(o, "created");
    json_object_del(o, "timings_ms");
    return o;
}

static bool is_whole(const struct ask *a, json_t *want, const char *want_body, size_t want_len)
{
    size_t len = answer_len - (size_t)(body() - answer);
    json_t *got;
    bool equal;

    if (a->same == SAME_BYTES)
        return len == want_len && memcmp(body(), want_body, len) == 0;
    if (a->same == SAME_STATUS)
        return true;
    got = parse_answer();
    equal = json_equal(got, want);
    json_decref(got);
    return equal;
}

static bool is_refused(void)
{
    return status() == 0 ||
           (status() == 503 && (!*body() || strstr(body(), "\"code\":\"unavailable\"")));
}

/* ---- one failure after the other ---- */

/* Asks with the n-th allocation failing; whether there was one. */
static int ask_failing(struct fixture *f, const struct ask *a, const struct buf *request,
                       void (*fail_at)(long n), long n)
{
    int failed;

    atomic_store(&worked, work_of(f->fake));
    atomic_store(&engine, *a->body ? f->fake : NULL);
    fail_at(n);
    ask(f->port, request);
    failed = mem_has_failed();
    fail_at(0);
    settle(f);
    return failed;
}

static void fail_each(struct fixture *f, const struct ask *a, const struct buf *request,
                      void (*fail_at)(long n))
{
    static char want_body[sizeof answer];
    json_t *want;
    size_t want_len;
    long n = 0, step = getenv("CLIPGEN_TEST_BRIEF") ? 3 : 1;
    int failed = 1;

    ask(f->port, request);
    assert_int_equal(status(), a->status);
    want = a->same == SAME_JSON ? parse_answer() : NULL;
    want_len = answer_len - (size_t)(body() - answer);
    memcpy(want_body, body(), want_len);
    settle(f);
    while (failed) {
        assert_true(n < ALLOCATIONS_MAX);
        n += step;
        failed = ask_failing(f, a, request, fail_at, n);
        if (!is_refused() && (status() != a->status || !is_whole(a, want, want_body, want_len)))
            fail_msg("%s with allocation %ld failing: %s", a->line, n, answer);
    }
    assert_true(n > 3);
    json_decref(want);
}

static void test_every_endpoint(void (*fail_at)(long n))
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;

    fixture_open(&f, &o);
    for (size_t i = 0; i < N_ASKS; i++) {
        struct buf request;
        buf_init(&request, 1 << 17);
        make_request(&ASKS[i], &request);
        fail_each(&f, &ASKS[i], &request, fail_at);
        buf_release(&request);
    }
    fixture_close(&f);
}

static void test_one_failure(void **state)
{
    (void)state;
    test_every_endpoint(mem_fail_once);
}

static void test_no_memory_from_then_on(void **state)
{
    (void)state;
    test_every_endpoint(mem_fail_after);
}

static int count_jansson_too(void **state)
{
    (void)state;
    json_get_alloc_funcs(&uncounted_alloc, NULL);
    json_set_alloc_funcs(alloc, mem_free);
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_one_failure),
    cmocka_unit_test(test_no_memory_from_then_on),
};

TEST_MAIN_WITH(TESTS, count_jansson_too, NULL)
