#include "tests/test.h"

#include <jansson.h>
#include <string.h>

#include "server/reply.h"

static void assert_body(const struct reply *r, const char *want)
{
    assert_int_equal(r->body.len, strlen(want));
    assert_memory_equal(r->body.data, want, r->body.len);
}

static const struct {
    enum err_code err;
    int status;
    const char *type, *code;
} CASES[] = {
    { ERR_INVALID, 400, "invalid_request_error", "invalid_value" },
    { ERR_NOT_FOUND, 404, "invalid_request_error", "not_found" },
    { ERR_TOO_LARGE, 413, "invalid_request_error", "too_large" },
    { ERR_BUSY, 429, "overloaded_error", "queue_full" },
    { ERR_UNAVAILABLE, 503, "server_error", "unavailable" },
    { ERR_TIMEOUT, 504, "timeout_error", "deadline" },
    { ERR_CANCELLED, 499, "invalid_request_error", "cancelled" },
    { ERR_FORMAT, 400, "invalid_request_error", "invalid_value" },
    { ERR_IO, 500, "server_error", "internal" },
    { ERR_NOMEM, 503, "server_error", "unavailable" },
    { ERR_DEVICE, 503, "server_error", "unavailable" },
    { ERR_UNSUPPORTED, 501, "server_error", "unsupported" },
    { ERR_INTERNAL, 500, "server_error", "internal" },
};

static void test_every_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct reply r;
        struct err e = { .code = CASES[i].err, .msg = "n: \"17\"" };
        char want[200];

        reply_init(&r);
        reply_err(&r, &e, "n");
        snprintf(want, sizeof want,
                 "{\"error\":{\"message\":\"n: \\\"17\\\"\",\"type\":\"%s\",\"param\":\"n\","
                 "\"code\":\"%s\"}}\n",
                 CASES[i].type, CASES[i].code);
        assert_int_equal(r.status, CASES[i].status);
        assert_string_equal(r.type, "application/json");
        assert_body(&r, want);
        reply_release(&r);
    }
}

static void test_no_param_is_null(void **state)
{
    struct reply r;

    (void)state;
    reply_init(&r);
    buf_puts(&r.body, "half an answer");
    reply_error(&r, 405, "", "%s", "no");
    assert_body(&r, "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\","
                    "\"param\":null,\"code\":\"method_not_allowed\"}}\n");
    reply_release(&r);
}

/* Messages are cut at a byte; a cut character must not cost the whole answer. */
static void test_broken_utf8(void **state)
{
    struct reply r;

    (void)state;
    reply_init(&r);
    reply_error(&r, 400, "f\xc3", "caf\xc3");
    assert_body(&r, "{\"error\":{\"message\":\"caf?\",\"type\":\"invalid_request_error\","
                    "\"param\":\"f?\",\"code\":\"invalid_value\"}}\n");
    reply_release(&r);
}

static void test_json_and_lack_of_memory(void **state)
{
    struct reply r;

    (void)state;
    reply_init(&r);
    reply_json(&r, json_pack("{s:i}", "a", 1));
    assert_int_equal(r.status, 200);
    assert_body(&r, "{\"a\":1}\n");
    reply_json(&r, NULL);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.body.data, "out of memory"));
    reply_release(&r);
}

static void test_headers(void **state)
{
    struct reply r;

    (void)state;
    reply_init(&r);
    for (int i = 0; i < REPLY_HEADERS_MAX + 2; i++)
        reply_header(&r, "X-Seed", "%d", i);
    assert_int_equal(r.n_headers, REPLY_HEADERS_MAX);
    assert_string_equal(r.headers[3].value, "3");
    reply_release(&r);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_every_error), cmocka_unit_test(test_no_param_is_null),
    cmocka_unit_test(test_broken_utf8), cmocka_unit_test(test_json_and_lack_of_memory),
    cmocka_unit_test(test_headers),
};

TEST_MAIN(TESTS)
