/*
 * The whole path from socket to socket, with a fake engine on free ports of this machine.
 */
#include "tests/test.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/png.h"
#include "server/route.h"
#include "tests/server/client.h"
#include "tests/server/fixture.h"

#define CAT "{\"prompt\":\"a cat\",\"seed\":7}"
#define JSON_TYPE "Content-Type: application/json\r\n"

/* ---- helpers ---- */

/* Sends the text, reads one answer, compares it with an error. */
static void refused(struct fixture *f, const char *text, int status, const char *code,
                    const char *message)
{
    struct answer a;
    int fd = client_connect(f->port);

    client_send(fd, text);
    client_read(fd, false, &a);
    assert_answer_error(&a, status, code, message);
    answer_release(&a);
    close(fd);
}

static void get_status(int port, const char *path, int status, const char *word)
{
    struct answer a;

    client_get(port, path, &a);
    assert_int_equal(a.status, status);
    assert_non_null(strstr(a.body.data, word));
    answer_release(&a);
}

/* The server still works after what a test did to it. */
static void assert_still_serves(struct fixture *f)
{
    struct answer a;

    client_generate(f->port, CAT, "", &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
}

static void open_default(struct fixture *f)
{
    struct fixture_options o = fixture_defaults();

    fixture_open(f, &o);
}

/* ---- what works ---- */

static void test_json_answer(void **state)
{
    struct fixture f;
    struct answer a;
    json_t *o, *images, *image;
    struct buf png;
    struct image img;
    const char *text;

    (void)state;
    open_default(&f);
    client_generate(f.port, "{\"prompt\":\"a cat\",\"seed\":7,\"n\":2,\"return\":[\"tokens\"]}",
                    "X-Request-Id: my-1\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "X-Request-Id"), "my-1");
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-store");
    o = client_json(&a);
    assert_string_equal(json_string_value(json_object_get(o, "id")), "my-1");
    assert_string_equal(json_string_value(json_object_get(o, "model")), "fake");
    assert_int_equal(json_integer_value(json_object_get(o, "seed")), 7);
    assert_true(json_integer_value(json_object_get(o, "created")) > 1700000000);
    assert_int_equal(json_object_size(json_object_get(o, "timings_ms")), 6);
    images = json_object_get(o, "images");
    assert_int_equal(json_array_size(images), 2);
    image = json_array_get(images, 1);
    assert_int_equal(json_integer_value(json_object_get(image, "seed")), 8);
    assert_true(json_real_value(json_object_get(image, "score")) > 0);
    assert_int_equal(json_array_size(json_object_get(image, "tokens")), 6);
    text = json_string_value(json_object_get(image, "b64_json"));
    buf_init(&png, 1 << 20);
    assert_int_equal(base64_decode(text, strlen(text), &png, NULL), 0);
    assert_int_equal(png_decode(png.data, png.len, 1000, &img, NULL), 0);
    assert_int_equal(img.w, FAKE_SIDE);
    image_release(&img);
    buf_release(&png);
    json_decref(o);
    answer_release(&a);
    fixture_close(&f);
}

static void test_raw_png(void **state)
{
    struct fixture f;
    struct answer a;
    struct image img;

    (void)state;
    open_default(&f);
    client_generate(f.port, CAT, "Accept: image/png\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "image/png");
    assert_string_equal(answer_header(&a, "X-Seed"), "7");
    assert_memory_equal(answer_header(&a, "X-Request-Id"), "gen-", 4);
    assert_int_equal(png_decode(a.body.data, a.body.len, 1000, &img, NULL), 0);
    assert_int_equal(img.w, FAKE_SIDE);
    image_release(&img);
    answer_release(&a);

    client_generate(f.port, "{\"prompt\":\"a\",\"n\":5,\"seed\":9007199254740990}",
                    "Accept: text/html, IMAGE/PNG\r\n", &a);
    assert_string_equal(answer_header(&a, "X-Seed"), "9007199254740990,9007199254740991,0,1,2");
    assert_int_equal(png_decode(a.body.data, a.body.len, 10000, &img, NULL), 0);
    assert_int_equal(img.w, 3 * FAKE_SIDE + 2 * 2); /* 3 columns, gaps of 2 */
    assert_int_equal(img.h, 2 * FAKE_SIDE + 2);
    image_release(&img);
    answer_release(&a);
    fixture_close(&f);
}

/* {"seed":1,"image":...} with a picture of w x h. */
static void image_request(int w, int h, struct buf *body)
{
    struct image img;
    struct buf png;

    assert_int_equal(image_new(w, h, 3, &img, NULL), 0);
    buf_init(&png, 1 << 20);
    buf_init(body, 1 << 20);
    assert_int_equal(png_encode(&img, NULL, 0, &png, NULL), 0);
    buf_puts(body, "{\"seed\":1,\"image\":\"data:image/png;base64,");
    base64_encode(png.data, png.len, body);
    buf_puts(body, "\"}");
    buf_release(&png);
    image_release(&img);
}

/* What waits in the queue is as small as the engine wants it. */
static void test_image_prompt(void **state)
{
    struct fixture f;
    struct answer a;
    struct buf body;

    (void)state;
    open_default(&f);
    image_request(200, 100, &body);
    client_generate(f.port, body.data, "", &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(atomic_load(&f.fake->widest), FAKE_SIDE);
    buf_release(&body);
    answer_release(&a);

    image_request(1000, 1000, &body);
    client_generate(f.port, body.data, "", &a);
    assert_answer_error(&a, 413, "too_large",
                        "image: png: 1000 x 1000 is 1000000 pixels, more than 65536");
    buf_release(&body);
    answer_release(&a);
    fixture_close(&f);
}

static void test_health_models_metrics(void **state)
{
    struct fixture f;
    int ports[2];

    (void)state;
    open_default(&f);
    assert_still_serves(&f);
    ports[0] = f.port;
    ports[1] = f.admin_port;
    for (int i = 0; i < 2; i++) {
        get_status(ports[i], "/livez", 200, "\"ok\"");
        get_status(ports[i], "/readyz", 200, "\"ok\"");
        get_status(ports[i], "/healthz", 200, "\"model\":\"fake\"");
        get_status(ports[i], "/v1/models", 200, "{\"id\":\"fake\",\"object\":\"model\",");
        get_status(ports[i], "/metrics", 200, "\nclipgen_pictures_total 1\n");
        get_status(ports[i], "/metrics", 200, "\nclipgen_requests_total{code=\"200\"} ");
    }
    get_status(f.admin_port, "/v1/generate", 404, "no such path");
    fixture_close(&f);
}

static void test_device_fault_shows(void **state)
{
    struct fixture f;
    struct answer a;

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->fail_code, ERR_DEVICE);
    atomic_store(&f.fake->fail, FAKE_STEP_CALL);
    client_generate(f.port, CAT, "", &a);
    assert_answer_error(&a, 503, "unavailable", "the fake engine was told to fail");
    answer_release(&a);
    client_generate(f.port, CAT, "", &a);
    assert_answer_error(&a, 503, "unavailable", "not ready: the device failed");
    answer_release(&a);
    get_status(f.port, "/readyz", 503, "the device failed");
    get_status(f.port, "/livez", 200, "ok");
    fixture_close(&f);
}

/* ---- every refusal ---- */

static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        int status;
        const char *code, *message;
    } CASES[] = {
        { "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found", "/nowhere: no such path" },
        { "GET /x/ HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found", "/x/: no such path" },
        { "POST /v1/generate/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 404, "not_found",
          "/v1/generate/: no such path" },
        { "GET /v1/generate HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed",
          "GET is not allowed here; POST is" },
        { "OPTIONS /v1/generate HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed",
          "OPTIONS is not allowed here; POST is" },
        { "DELETE /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed",
          "DELETE is not allowed here; GET, HEAD is" },
        { "POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 415,
          "unsupported_media_type", "Content-Type must be application/json (curl --json)" },
        { "POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: "
          "2\r\n\r\n{}",
          415, "unsupported_media_type", "Content-Type must be application/json (curl --json)" },
        { "POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonp\r\n"
          "Content-Length: 2\r\n\r\n{}",
          415, "unsupported_media_type", "Content-Type must be application/json (curl --json)" },
        { "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 1048577\r\n\r\n",
          413, "too_large", "body: 1048577 bytes are over the limit of 1048576" },
        { "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
          "Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n",
          413, "too_large", "body: 99999999 bytes are over the limit of 1048576" },
        { "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 0\r\n\r\n", 400,
          "invalid_value",
          "body: not JSON: line 1, column 0: '[' or '{' expected near end of file" },
        { "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
          "Content-Length: 23\r\n\r\n{\"prompt\":\"a\",\"n\":1000}",
          400, "invalid_value", "n: 1000 is outside 1..16" },
        { "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
          "Content-Length: 14\r\n\r\n{\"prompt\":\"!\"}",
          400, "invalid_value", "prompt: '!' has no token" },
    };
    struct fixture f;

    (void)state;
    open_default(&f);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        refused(&f, CASES[i].text, CASES[i].status, CASES[i].code, CASES[i].message);
    assert_still_serves(&f);
    fixture_close(&f);
}

static void test_allow_header(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_default(&f);
    fd = client_connect(f.port);
    client_send(fd, "PUT /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    client_read(fd, false, &a);
    assert_int_equal(a.status, 405);
    assert_string_equal(answer_header(&a, "Allow"), "GET, HEAD");
    answer_release(&a);
    close(fd);
    fixture_close(&f);
}

static void test_both_lengths(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_default(&f);
    fd = client_connect(f.port);
    client_send(fd, "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 5\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    client_read(fd, false, &a);
    assert_int_equal(a.status, 400);
    answer_release(&a);
    close(fd);
    assert_still_serves(&f);
    fixture_close(&f);
}

static void test_queue_full(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    o.queue_max = 10;
    fixture_open(&f, &o);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    fd = client_connect(f.port);
    client_post(fd, "{\"prompt\":\"a\",\"candidates\":10}", "");
    wait_for_held(&f, FAKE_STEP_CALL); /* 4 of 10 are being drawn */
    client_generate(f.port, "{\"prompt\":\"a\",\"n\":5}", "", &a);
    assert_answer_error(&a, 429, "queue_full",
                        "queue: 6 pictures wait, 5 more are over the limit of 10");
    assert_string_equal(answer_header(&a, "Retry-After"), "1");
    answer_release(&a);
    atomic_store(&f.fake->hold, FAKE_NONE);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(fd);
    assert_int_equal(stats_get(f.app.stats, STATS_REJECTED_FULL), 1);
    fixture_close(&f);
}

static void test_deadline(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    struct answer a;
    json_t *error;

    (void)state;
    o.timeout_s = 0.2;
    o.tokens = FAKE_TOKENS_MAX;
    fixture_open(&f, &o);
    atomic_store(&f.fake->step_us, 20000);
    client_generate(f.port, CAT, "", &a);
    assert_int_equal(a.status, 504);
    error = client_json(&a);
    assert_string_equal(json_string_value(json_object_get(json_object_get(error, "error"), "code")),
                        "deadline");
    json_decref(error);
    answer_release(&a);
    fixture_close(&f);
}

static void test_engine_failures(void **state)
{
    static const enum fake_call CALLS[] = { FAKE_EMBED_CALL, FAKE_STEP_CALL, FAKE_DECODE_CALL };
    struct fixture f;

    (void)state;
    open_default(&f);
    for (int i = 0; i < 3; i++) {
        struct answer a;
        atomic_store(&f.fake->fail_code, ERR_INTERNAL);
        atomic_store(&f.fake->fail, CALLS[i]);
        client_generate(f.port, CAT, "", &a);
        assert_answer_error(&a, 500, "internal", "the fake engine was told to fail");
        answer_release(&a);
    }
    assert_still_serves(&f);
    fixture_close(&f);
}

static void test_client_ids_are_plain(void **state)
{
    static const char *const BAD[] = {
        "X-Request-Id: a b\r\n",
        "X-Request-Id: \"\r\n",
        "X-Request-Id:\r\n",
        "X-Request-Id: 0123456789012345678901234567890123456789012345678901234567890123\r\n",
    };
    struct fixture f;

    (void)state;
    open_default(&f);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct answer a;
        client_generate(f.port, CAT, BAD[i], &a);
        assert_memory_equal(answer_header(&a, "X-Request-Id"), "gen-", 4);
        answer_release(&a);
    }
    fixture_close(&f);
}

/* ---- HTTP as it comes ---- */

static void test_chunked_body(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_default(&f);
    fd = client_connect(f.port);
    client_send(fd, "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
                    "Transfer-Encoding: chunked\r\n\r\n");
    for (const char *c = CAT; *c; c++) {
        char chunk[16];
        snprintf(chunk, sizeof chunk, "1\r\n%c\r\n", *c);
        client_send(fd, chunk);
    }
    client_send(fd, "0\r\n\r\n");
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(fd);
    fixture_close(&f);
}

static void send_chunks(int fd, int n)
{
    static char chunk[65536 + 16];

    snprintf(chunk, sizeof chunk, "10000\r\n");
    memset(chunk + 7, ' ', 65536);
    memcpy(chunk + 7 + 65536, "\r\n", 3);
    for (int i = 0; i < n; i++)
        client_send(fd, chunk);
}

static void test_chunked_body_over_the_limit(void **state)
{
    static const struct {
        int chunks, status; /* 0: cut off */
    } CASES[] = { { 17, 413 }, { 40, 0 } };
    struct fixture f;

    (void)state;
    open_default(&f);
    for (int i = 0; i < 2; i++) {
        struct answer a;
        int fd = client_connect(f.port);
        client_send(fd, "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
                        "Transfer-Encoding: chunked\r\n\r\n");
        send_chunks(fd, CASES[i].chunks);
        client_send(fd, "0\r\n\r\n");
        client_read(fd, false, &a);
        assert_int_equal(a.status, CASES[i].status);
        answer_release(&a);
        close(fd);
    }
    assert_still_serves(&f);
    fixture_close(&f);
}

static void test_expect_continue(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_default(&f);
    fd = client_connect(f.port);
    client_send(fd, "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
                    "Content-Length: 27\r\nExpect: 100-continue\r\n\r\n");
    usleep(20000);
    client_send(fd, CAT);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(fd);
    fixture_close(&f);
}

static void test_keep_alive_and_pipelining(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_default(&f);
    fd = client_connect(f.port);
    for (int i = 0; i < 3; i++) {
        client_post(fd, CAT, "");
        client_read(fd, false, &a);
        assert_int_equal(a.status, 200);
        answer_release(&a);
    }
    client_send(fd, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
                    "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
                    "Content-Length: 27\r\n\r\n" CAT "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
                    "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 4; i++) {
        client_read(fd, false, &a);
        assert_int_equal(a.status, i < 3 ? 200 : 404);
        answer_release(&a);
    }
    close(fd);
    fixture_close(&f);
}

static void test_head(void **state)
{
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    open_default(&f);
    fd = client_connect(f.port);
    client_send(fd, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    client_read(fd, true, &a);
    assert_int_equal(a.status, 200);
    assert_non_null(answer_header(&a, "Content-Length"));
    answer_release(&a);
    client_send(fd, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"); /* nothing was left in the pipe */
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(fd);
    fixture_close(&f);
}

static void test_large_headers(void **state)
{
    static const struct {
        size_t bytes;
        int status;
    } CASES[] = { { 16000, 200 }, { 100000, 431 } };
    struct fixture f;

    (void)state;
    open_default(&f);
    for (int i = 0; i < 2; i++) {
        struct answer a;
        struct buf b;
        int fd = client_connect(f.port);

        buf_init(&b, 1 << 20);
        buf_puts(&b, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ");
        memset(buf_grow(&b, CASES[i].bytes), 'a', CASES[i].bytes);
        buf_puts(&b, "\r\n\r\n");
        client_send(fd, b.data);
        client_read(fd, false, &a);
        assert_int_equal(a.status, CASES[i].status);
        answer_release(&a);
        buf_release(&b);
        close(fd);
    }
    fixture_close(&f);
}

/* A byte now and then keeps an idle timeout away, but not an absolute one. */
static void assert_cut_off(struct fixture *f, const char *begin)
{
    struct answer a;
    int fd = client_connect(f->port);

    client_send(fd, begin);
    for (int i = 0; i < 10; i++) {
        usleep(60000);
        client_send(fd, " ");
    }
    client_read(fd, false, &a);
    assert_int_equal(a.status, 0);
    answer_release(&a);
    close(fd);
}

static void test_slow_senders_are_cut_off(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;

    (void)state;
    o.header_s = o.body_s = 0.2;
    fixture_open(&f, &o);
    assert_cut_off(&f, "");
    assert_cut_off(&f, "GET /livez HTTP/1.1\r\nHost: ");
    assert_cut_off(&f, "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
                       "Content-Length: 100\r\n\r\n");
    assert_still_serves(&f);
    fixture_close(&f);
}

static void test_slow_reader_is_cut_off(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    int fd, small = 4096;

    (void)state;
    o.write_s = 0.2;
    fixture_open(&f, &o);
    f.fake->engine.info.side = 512;
    fd = client_connect(f.port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_post(fd, "{\"prompt\":\"a\",\"n\":8}", "");
    wait_for_stat(&f, STATS_CLIENT_ABORTS, 1);
    close(fd);
    fixture_close(&f);
}

/* ---- clients that leave ---- */

/* The job's slots are free and nothing more is drawn for it. */
static void assert_dropped(struct fixture *f)
{
    wait_for_stat(f, STATS_CANCELLED, 1);
    wait_for_stat(f, STATS_CLIENT_ABORTS, 1);
    assert_int_equal(atomic_load(&f->fake->live), 0);
    assert_int_equal(queue_pictures(f->app.queue), 0);
    assert_still_serves(f);
}

static void leave_in(enum fake_call call)
{
    struct fixture f;
    int fd;

    open_default(&f);
    atomic_store(&f.fake->hold, (int)call);
    fd = client_connect(f.port);
    client_post(fd, "{\"prompt\":\"a\",\"candidates\":64}", "");
    wait_for_held(&f, call);
    close(fd);
    usleep(50000); /* the watch needs a moment; the engine stands still anyway */
    atomic_store(&f.fake->hold, FAKE_NONE);
    assert_dropped(&f);
    assert_true(atomic_load(&f.fake->admitted) <=
                5 + 1); /* 4 rows; the embedded first; the last test */
    fixture_close(&f);
}

static void test_gone_while_encoding(void **state)
{
    (void)state;
    leave_in(FAKE_EMBED_CALL);
}

static void test_gone_while_drawing(void **state)
{
    (void)state;
    leave_in(FAKE_STEP_CALL);
}

static void test_gone_while_queued(void **state)
{
    struct fixture f;
    int busy, gone;
    struct answer a;

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    busy = client_connect(f.port);
    client_post(busy, "{\"prompt\":\"a\",\"n\":16}", "");
    wait_for_held(&f, FAKE_STEP_CALL);
    gone = client_connect(f.port);
    client_post(gone, "{\"prompt\":\"b\",\"n\":16}", "");
    while (queue_pictures(f.app.queue) < 12 + 16)
        usleep(200);
    close(gone);
    usleep(50000);
    atomic_store(&f.fake->hold, FAKE_NONE);
    client_read(busy, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(busy);
    assert_int_equal(atomic_load(&f.fake->embedded), 1); /* not one thing was done for it */
    assert_dropped(&f);
    fixture_close(&f);
}

static void test_gone_while_decoding(void **state)
{
    struct fixture f;
    int fd;

    (void)state;
    open_default(&f);
    atomic_store(&f.fake->hold, FAKE_DECODE_CALL);
    fd = client_connect(f.port);
    client_post(fd, "{\"prompt\":\"a\",\"n\":4}", "");
    wait_for_held(&f, FAKE_DECODE_CALL);
    close(fd);
    usleep(50000);
    atomic_store(&f.fake->hold, FAKE_NONE);
    assert_dropped(&f);
    assert_int_equal(atomic_load(&f.fake->decoded),
                     1 + 1); /* the one in hand, and the test's last */
    fixture_close(&f);
}

static void test_gone_in_headers_and_body(void **state)
{
    static const char *const PARTS[] = {
        "GET /livez HTTP/1.1\r\nHo",
        "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 100\r\n\r\n",
        "POST /v1/generate HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 100\r\n\r\n{\"prom",
    };
    struct fixture f;

    (void)state;
    open_default(&f);
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        int fd = client_connect(f.port);
        client_send(fd, PARTS[i]);
        usleep(20000);
        close(fd);
        wait_for_stat(&f, STATS_CLIENT_ABORTS, (int64_t)i + 1);
    }
    assert_still_serves(&f);
    fixture_close(&f);
}

/* Reset instead of closed, in the middle of a large answer. */
static void test_gone_while_writing(void **state)
{
    struct fixture f;
    struct linger now = { 1, 0 };
    int fd, small = 4096;
    char first;

    (void)state;
    open_default(&f);
    f.fake->engine.info.side = 512;
    fd = client_connect(f.port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    client_post(fd, "{\"prompt\":\"a\",\"n\":8}", "");
    assert_int_equal(recv(fd, &first, 1, 0), 1);
    close(fd);
    wait_for_stat(&f, STATS_CLIENT_ABORTS, 1);
    fixture_close(&f);
}

static void test_half_close_may_mean_go_on(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    struct answer a;
    int fd;

    (void)state;
    o.half_close_is_gone = false;
    fixture_open(&f, &o);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    fd = client_connect(f.port);
    client_post(fd, CAT, "");
    wait_for_held(&f, FAKE_STEP_CALL);
    shutdown(fd, SHUT_WR);
    usleep(50000);
    atomic_store(&f.fake->hold, FAKE_NONE);
    client_read(fd, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(fd);
    fixture_close(&f);
}

/* Whether a connection that came while memory was out gets an answer. */
static bool answered_without_memory(struct fixture *f, int wait_us)
{
    struct answer a;
    int fd, status;

    mem_fail_after(1);
    fd = client_connect(f->port);
    usleep((unsigned)wait_us); /* until the server has accepted it */
    mem_fail_after(0);
    client_send(fd, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    client_read(fd, false, &a);
    status = a.status;
    answer_release(&a);
    close(fd);
    return status != 0;
}

static void test_no_memory_for_a_connection(void **state)
{
    struct fixture f;
    int wait_us = 10000;

    (void)state;
    open_default(&f);
    while (answered_without_memory(&f, wait_us)) { /* it was accepted too late */
        wait_us *= 2;
        assert_true(wait_us < 5000000);
    }
    assert_still_serves(&f);
    fixture_close(&f);
}

/* ---- many at once ---- */

#define CLIENTS 10
#define REQUESTS_EACH 5

struct crowd {
    struct fixture *f;
    int number;
    struct buf pngs[REQUESTS_EACH];
};

static void one_of_many(const struct crowd *c, int i, struct answer *a)
{
    char json[128];

    snprintf(json, sizeof json, "{\"prompt\":\"number %d\",\"seed\":%d,\"n\":%d,\"candidates\":%d}",
             c->number, i, 1 + i, 1 + i + c->number % 3);
    client_generate(c->f->port, json, "Accept: image/png\r\n", a);
}

static void *client_main(void *arg)
{
    struct crowd *c = arg;

    for (int i = 0; i < REQUESTS_EACH; i++) {
        struct answer a;
        one_of_many(c, i, &a);
        c->pngs[i] = a.body;
        mem_free(a.headers);
    }
    return NULL;
}

static void test_ten_clients_get_what_one_would(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    struct crowd crowd[CLIENTS];
    pthread_t threads[CLIENTS];

    (void)state;
    o.queue_max = 1000;
    fixture_open(&f, &o);
    for (int i = 0; i < CLIENTS; i++) {
        crowd[i] = (struct crowd){ .f = &f, .number = i };
        assert_int_equal(pthread_create(&threads[i], NULL, client_main, &crowd[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&f.fake->max_live) >= 2);
    for (int i = 0; i < CLIENTS; i++) {
        for (int j = 0; j < REQUESTS_EACH; j++) {
            struct answer alone;
            one_of_many(&crowd[i], j, &alone);
            assert_int_equal(alone.status, 200);
            assert_int_equal(alone.body.len, crowd[i].pngs[j].len);
            assert_memory_equal(alone.body.data, crowd[i].pngs[j].data, alone.body.len);
            answer_release(&alone);
            buf_release(&crowd[i].pngs[j]);
        }
    }
    fixture_close(&f);
}

/* Connections that wait fill the work listener; the admin listener answers all the same. */
static void test_full_house_cannot_silence_admin(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    struct answer a;
    int fds[8];

    (void)state;
    o.connections = 4;
    fixture_open(&f, &o);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    for (int i = 0; i < 8; i++) {
        fds[i] = client_connect(f.port);
        client_post(fds[i], CAT, "");
    }
    wait_for_held(&f, FAKE_STEP_CALL);
    get_status(f.admin_port, "/readyz", 200, "ok");
    get_status(f.admin_port, "/metrics", 200, "clipgen_connections ");
    atomic_store(&f.fake->hold, FAKE_NONE);
    client_read(fds[0], false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    fixture_close(&f);
}

/* Nobody listens: the connection is refused, not left to wait. */
static void assert_refused(int port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

static void test_drain(void **state)
{
    struct fixture f;
    struct answer a;
    int running, kept;

    (void)state;
    open_default(&f);
    kept = client_connect(f.port);
    client_send(kept, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    client_read(kept, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    atomic_store(&f.fake->hold, FAKE_STEP_CALL);
    running = client_connect(f.port);
    client_post(running, CAT, "");
    wait_for_held(&f, FAKE_STEP_CALL);

    atomic_store(&f.app.draining, true);
    http_quiesce(f.work);
    queue_close(f.app.queue);
    assert_refused(f.port);
    client_post(kept, CAT, "");
    client_read(kept, false, &a);
    assert_answer_error(&a, 503, "unavailable", "not ready: shutting down");
    assert_string_equal(answer_header(&a, "Connection"), "close");
    answer_release(&a);
    get_status(f.admin_port, "/readyz", 503, "shutting down");
    get_status(f.admin_port, "/livez", 200, "ok");

    atomic_store(&f.fake->hold, FAKE_NONE);
    client_read(running, false, &a);
    assert_int_equal(a.status, 200);
    answer_release(&a);
    close(running);
    close(kept);
    fixture_close(&f);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_json_answer),
    cmocka_unit_test(test_raw_png),
    cmocka_unit_test(test_image_prompt),
    cmocka_unit_test(test_health_models_metrics),
    cmocka_unit_test(test_device_fault_shows),
    cmocka_unit_test(test_refusals),
    cmocka_unit_test(test_allow_header),
    cmocka_unit_test(test_both_lengths),
    cmocka_unit_test(test_queue_full),
    cmocka_unit_test(test_deadline),
    cmocka_unit_test(test_engine_failures),
    cmocka_unit_test(test_client_ids_are_plain),
    cmocka_unit_test(test_chunked_body),
    cmocka_unit_test(test_chunked_body_over_the_limit),
    cmocka_unit_test(test_expect_continue),
    cmocka_unit_test(test_keep_alive_and_pipelining),
    cmocka_unit_test(test_head),
    cmocka_unit_test(test_large_headers),
    cmocka_unit_test(test_slow_senders_are_cut_off),
    cmocka_unit_test(test_slow_reader_is_cut_off),
    cmocka_unit_test(test_gone_while_encoding),
    cmocka_unit_test(test_gone_while_drawing),
    cmocka_unit_test(test_gone_while_queued),
    cmocka_unit_test(test_gone_while_decoding),
    cmocka_unit_test(test_gone_in_headers_and_body),
    cmocka_unit_test(test_gone_while_writing),
    cmocka_unit_test(test_half_close_may_mean_go_on),
    cmocka_unit_test(test_no_memory_for_a_connection),
    cmocka_unit_test(test_ten_clients_get_what_one_would),
    cmocka_unit_test(test_full_house_cannot_silence_admin),
    cmocka_unit_test(test_drain),
};

TEST_MAIN(TESTS)
