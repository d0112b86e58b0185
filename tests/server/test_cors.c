/*
 * Pages of other sites: which are let in, what browsers are told before and after, and that nobody
 * is told anything by default.
 */
#include "tests/test.h"

#include <string.h>

#include "base/file.h"
#include "server/cors.h"
#include "tests/server/client.h"
#include "tests/server/fixture.h"
#include "tests/tmp.h"

#define APP "https://app.example:8443"

/* ---- the list ---- */

static void test_lists(void **state)
{
    static const struct {
        const char *list;
        bool good;
    } CASES[] = {
        { "", true },
        { " , ", true },
        { "*", true },
        { "https://app.example", true },
        { "http://127.0.0.1:3000, https://app.example,https://[::1]:8443", true },
        { "app.example", false },
        { "https://", false },
        { "https://app.example/", false },
        { "https://app.example https://app.example/path", false },
        { "https://me@app.example", false },
        { "https://*.app.example/#", false },
        { "ftp://app.example", false },
        { "null", false },
        { "**", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        if ((cors_check(CASES[i].list, NULL) == 0) != CASES[i].good)
            fail_msg("'%s' is%s a list", CASES[i].list, CASES[i].good ? " not" : "");
}

static void test_who_is_let_in(void **state)
{
    static const struct {
        const char *list, *origin, *answer; /* answer NULL: none */
    } CASES[] = {
        { "", APP, NULL },
        { APP, NULL, NULL },
        { APP, APP, APP },
        { "https://other.example, " APP, APP, APP },
        { "HTTPS://App.Example:8443", APP, APP },
        { "https://app.example", APP, NULL },
        { APP, "https://app.example", NULL },
        { APP, "http://app.example:8443", NULL },
        { APP, "null", NULL },
        { "*", APP, "*" },
        { APP " *", APP, "*" },
        { "*", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct reply r;
        reply_init(&r);
        assert_int_equal(cors_allow(CASES[i].list, CASES[i].origin, &r), CASES[i].answer != NULL);
        if (CASES[i].answer)
            assert_string_equal(r.headers[0].value, CASES[i].answer);
        else
            assert_int_equal(r.n_headers, 0);
        reply_release(&r);
    }
}

/* ---- over HTTP ---- */

static void open_for(struct fixture *f, const char *origins)
{
    struct fixture_options o = fixture_defaults();

    o.cors = origins;
    fixture_open(f, &o);
}

static void preflight(int port, const char *path, const char *method, struct answer *ret_answer)
{
    char headers[200];

    snprintf(headers, sizeof headers,
             "Origin: " APP "\r\nAccess-Control-Request-Method: %s\r\n"
             "Access-Control-Request-Headers: content-type,authorization\r\n",
             method);
    client_call(port, "OPTIONS", path, headers, NULL, ret_answer);
}

static void assert_silent(const struct answer *a)
{
    assert_null(answer_header(a, "Access-Control-Allow-Origin"));
    assert_null(answer_header(a, "Access-Control-Allow-Methods"));
    assert_null(answer_header(a, "Access-Control-Expose-Headers"));
}

static void test_off_by_default(void **state)
{
    struct fixture f;
    struct answer a;

    (void)state;
    open_for(&f, "");
    client_generate(f.port, "{\"prompt\":\"a cat\"}", "Origin: " APP "\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_silent(&a);
    answer_release(&a);
    preflight(f.port, "/v1/generate", "POST", &a);
    assert_int_equal(a.status, 405);
    assert_silent(&a);
    answer_release(&a);
    fixture_close(&f);
}

static void test_preflight(void **state)
{
    struct fixture f;
    struct answer a;

    (void)state;
    open_for(&f, APP);
    preflight(f.port, "/v1/generate", "POST", &a);
    assert_int_equal(a.status, 204);
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), APP);
    assert_string_equal(answer_header(&a, "Vary"), "Origin");
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Methods"),
                        "GET, HEAD, POST, DELETE");
    assert_non_null(strstr(answer_header(&a, "Access-Control-Allow-Headers"), "Authorization"));
    assert_non_null(strstr(answer_header(&a, "Access-Control-Allow-Headers"), "Content-Type"));
    assert_string_equal(answer_header(&a, "Access-Control-Max-Age"), "600");
    assert_null(answer_header(&a, "Access-Control-Allow-Credentials"));
    assert_null(answer_header(&a, "Content-Type"));
    answer_release(&a);
    preflight(f.port, "/v1/generate", "PUT", &a);
    assert_int_equal(a.status, 405);
    answer_release(&a);
    preflight(f.port, "/nowhere", "POST", &a);
    assert_int_equal(a.status, 404);
    answer_release(&a);
    preflight(f.admin_port, "/metrics", "GET", &a); /* of people with keys to the house */
    assert_int_equal(a.status, 405);
    answer_release(&a);
    fixture_close(&f);
}

/* Errors are read by pages too. */
static void test_answers(void **state)
{
    static const char *const JSON[] = { "{\"prompt\":\"a cat\"}", "{\"prompt\":1}" };
    struct fixture f;
    struct answer a;

    (void)state;
    open_for(&f, "https://other.example " APP);
    for (int i = 0; i < 2; i++) {
        client_generate(f.port, JSON[i], "Origin: " APP "\r\n", &a);
        assert_int_equal(a.status, i ? 400 : 200);
        assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), APP);
        assert_non_null(strstr(answer_header(&a, "Access-Control-Expose-Headers"), "X-Seed"));
        answer_release(&a);
    }
    client_generate(f.port, JSON[0], "Origin: https://evil.example\r\n", &a);
    assert_int_equal(a.status, 200);
    assert_silent(&a);
    answer_release(&a);
    fixture_close(&f);
}

/* A preflight carries no key; what follows it does. */
static void test_keys(void **state)
{
    struct fixture_options o = fixture_defaults();
    struct fixture f;
    struct answer a;
    const char *path = tmp_path("keys");

    (void)state;
    assert_int_equal(file_write(path, "alice a-long-random-secret\n", 27, NULL), 0);
    o.cors = "*";
    o.keys = path;
    fixture_open(&f, &o);
    preflight(f.port, "/v1/generate", "POST", &a);
    assert_int_equal(a.status, 204);
    answer_release(&a);
    client_generate(f.port, "{\"prompt\":\"a cat\"}", "Origin: " APP "\r\n", &a);
    assert_int_equal(a.status, 401);
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "*");
    answer_release(&a);
    fixture_close(&f);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_lists),          cmocka_unit_test(test_who_is_let_in),
    cmocka_unit_test(test_off_by_default), cmocka_unit_test(test_preflight),
    cmocka_unit_test(test_answers),        cmocka_unit_test(test_keys),
};

TEST_MAIN_TMP(TESTS)
