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
    cmocka_unit_test(test_docs_have_every_route),
};

TEST_MAIN(TESTS)
