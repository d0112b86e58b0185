/* THE list of forms: what is read, and the exact words for what is not. */
#include "tests/test.h"

#include <string.h>

#include "base/buf.h"
#include "server/multipart.h"

#define TYPE "multipart/form-data; boundary=XX"
#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static const struct {
    const char *type, *body;
    const char *read; /* "name=value;" each, "name:value;" of files */
    const char *message;
} CASES[] = {
    { TYPE, "--XX\r\n" PART("n") "2\r\n--XX--\r\n", "n=2;", NULL },
    { TYPE, "--XX\r\n" PART("n") "2\r\n--XX\r\n" PART("size") "64x64\r\n--XX--", "n=2;size=64x64;",
      NULL },
    { "multipart/form-data; charset=utf-8; Boundary=\"a b\"",
      "--a b\r\n" PART("n") "2\r\n--a b--\r\n", "n=2;", NULL },
    { TYPE, "a preamble\r\n--XX \t\r\n" PART("n") "2\r\n--XX--an epilogue", "n=2;", NULL },
    { TYPE,
      "--XX\r\nContent-Type: image/png\r\ncontent-disposition: form-data; filename=\"a;b.png\"; "
      "name=image\r\n\r\n\r\n-XX--X\r\n--XX--",
      "image:\r\n-XX--X;", NULL },
    { TYPE, "--XX\r\n" PART("n") "\r\n--XX--", "n=;", NULL },
    { TYPE, "--XX--", "", NULL },
    { TYPE, "--XX\r\n" PART("n") "--XY\r\n--XX--", "n=--XY;", NULL },
    { TYPE, "--XX\r\n" PART("n") "--XX--", "n=;", NULL }, /* RFC 2046: a part without a body */
    { "multipart/form-data", "--XX--", NULL, "Content-Type: a boundary of 1..70 bytes is missing" },
    { "multipart/form-data; boundary=", "----", NULL,
      "Content-Type: a boundary of 1..70 bytes is missing" },
    { "multipart/form-data; boundary="
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "", NULL, "Content-Type: a boundary of 1..70 bytes is missing" },
    { TYPE, "", NULL, "body: the boundary of Content-Type is nowhere in it" },
    { TYPE, "--XY--", NULL, "body: the boundary of Content-Type is nowhere in it" },
    { TYPE, "--XX", NULL, "body: it ends inside of part 0" },
    { TYPE, "--XX\r\n" PART("n") "2\r\n--XX", NULL, "body: it ends inside of part 1" },
    { TYPE, "--XX\r\n" PART("n") "2\r\n--X", NULL, "body: it ends inside of part 0" },
    { TYPE, "--XXn=2\r\n--XX--", NULL, "body: it ends inside of part 0" },
    { TYPE, "--XX\r\n2\r\n--XX--", NULL, "body: part 0 has no end of headers within 1024 bytes" },
    { TYPE, "--XX\r\nContent-Type: a\r\n\r\n2\r\n--XX--", NULL,
      "body: a part has no name of up to 63 bytes" },
    { TYPE, "--XX\r\nContent-Disposition: form-data; filename=\"a\"\r\n\r\n2\r\n--XX--", NULL,
      "body: a part has no name of up to 63 bytes" },
    { TYPE,
      "--XX\r\n" PART(
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") "2\r\n--XX--",
      NULL, "body: a part has no name of up to 63 bytes" },
};

static int read_all(const char *type, const char *body, size_t n, struct buf *out, struct err *e)
{
    struct multipart m;
    struct multipart_part part;
    int more = multipart_begin(&m, type, body, n, e);

    while (!more && (more = multipart_next(&m, &part, e)) > 0) {
        buf_printf(out, "%s%c", part.name, part.is_file ? ':' : '=');
        buf_append(out, part.data, part.n);
        buf_puts(out, ";");
        more = 0;
    }
    return more;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct buf out;
        struct err e = { 0 };
        int failed;

        buf_init(&out, 1 << 16);
        failed = read_all(CASES[i].type, CASES[i].body, strlen(CASES[i].body), &out, &e);
        if (CASES[i].message) {
            assert_int_equal(failed, -1);
            assert_err(&e, ERR_INVALID, CASES[i].message);
        } else {
            if (failed)
                fail_msg("case %zu: %s", i, e.msg);
            assert_string_equal(out.data ? out.data : "", CASES[i].read);
        }
        buf_release(&out);
    }
}

/* A file may hold any bytes. */
static void test_binary(void **state)
{
    static const char BODY[] = "--XX\r\nContent-Disposition: form-data; name=\"image\"; "
                               "filename=\"\"\r\n\r\n\0\1\r\n--X\0\377\r\n--XX--";
    struct multipart m;
    struct multipart_part part;

    (void)state;
    assert_int_equal(multipart_begin(&m, TYPE, BODY, sizeof BODY - 1, NULL), 0);
    assert_int_equal(multipart_next(&m, &part, NULL), 1);
    assert_true(part.is_file);
    assert_int_equal(part.n, 9);
    assert_memory_equal(part.data, "\0\1\r\n--X\0\377", 9);
    assert_int_equal(multipart_next(&m, &part, NULL), 0);
}

static void test_too_many_parts(void **state)
{
    struct buf body, out;
    struct err e;

    (void)state;
    buf_init(&body, 1 << 20);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < MULTIPART_PARTS_MAX; i++)
        buf_puts(&body, "--XX\r\n" PART("n") "2\r\n");
    buf_puts(&body, "--XX--");
    assert_int_equal(read_all(TYPE, body.data, body.len, &out, &e), 0);
    body.len -= 2;
    buf_puts(&body, "\r\n" PART("n") "2\r\n--XX--");
    assert_int_equal(read_all(TYPE, body.data, body.len, &out, &e), -1);
    assert_err(&e, ERR_INVALID, "body: more than 64 parts");
    buf_release(&body);
    buf_release(&out);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_cases),
    cmocka_unit_test(test_binary),
    cmocka_unit_test(test_too_many_parts),
};

TEST_MAIN(TESTS)
