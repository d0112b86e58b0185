#include "tests/test.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "server/route.h"

static void test_find(void **state)
{
    struct reply r;

    (void)state;
    reply_init(&r);
    assert_string_equal(route_find(ROUTES_WORK, "POST", "/v1/generate", &r)->path, "/v1/generate");
    assert_ptr_equal(route_find(ROUTES_WORK, "HEAD", "/livez", &r),
                     route_find(ROUTES_WORK, "GET", "/livez", &r));
    assert_null(route_find(ROUTES_ADMIN, "POST", "/v1/generate", &r));
    assert_int_equal(r.status, 404);
    assert_null(route_find(ROUTES_WORK, "get", "/livez", &r));
    assert_int_equal(r.status, 405);
    assert_string_equal(r.headers[0].name, "Allow");
    assert_string_equal(r.headers[0].value, "GET, HEAD");
    reply_release(&r);
}

static void test_patterns(void **state)
{
    static const struct route TABLE[] = {
        { .method = "GET", .path = "/jobs/*" },
        { .method = "GET", .path = "/jobs/*/images/*" },
        { .path = NULL },
    };
    static const struct {
        const char *path;
        const struct route *route;
    } CASES[] = {
        { "/jobs/7", &TABLE[0] },
        { "/jobs/7/images/0.png", &TABLE[1] },
        { "/jobs/", NULL },
        { "/jobs", NULL },
        { "/jobs/7/", NULL },
        { "/jobs/7/images", NULL },
        { "/jobs//images/0.png", NULL },
        { "/jobs/7/images/0.png/", NULL },
        { "/jobs/*", &TABLE[0] },
        { "/job/7", NULL },
    };
    struct reply r;

    (void)state;
    reply_init(&r);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        assert_ptr_equal(route_find(TABLE, "GET", CASES[i].path, &r), CASES[i].route);
    reply_release(&r);
}

static void test_args(void **state)
{
    char arg[4];

    (void)state;
    assert_true(route_arg("/v1/jobs/abc/images", 2, arg, sizeof arg));
    assert_string_equal(arg, "abc");
    assert_true(route_arg("/v1/jobs/ab", 2, arg, sizeof arg));
    assert_string_equal(arg, "ab");
    assert_false(route_arg("/v1/jobs/abcd", 2, arg, sizeof arg)); /* too long */
    assert_false(route_arg("/v1/jobs", 2, arg, sizeof arg));
    assert_false(route_arg("/v1/jobs/", 2, arg, sizeof arg));
}

/* docs/API.md names every route. */
static void test_docs_have_every_route(void **state)
{
    char *path = file_join(test_srcdir(), "docs/API.md");
    struct buf doc;

    (void)state;
    buf_init(&doc, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, &doc, NULL), 0);
    for (const struct route *r = ROUTES_WORK; r->path; r++) {
        char text[80];
        snprintf(text, sizeof text, "%s %s", r->method, r->path);
        if (!strstr(doc.data, text))
            fail_msg("docs/API.md does not name %s", text);
    }
    buf_release(&doc);
    mem_free(path);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_find),
    cmocka_unit_test(test_patterns),
    cmocka_unit_test(test_args),
    cmocka_unit_test(test_docs_have_every_route),
};

TEST_MAIN(TESTS)
