/*
 * RFC 4648 test vectors both ways, every byte, and what strict decoding refuses.
 */
#include "tests/test.h"

#include <string.h>

#include "base/base64.h"

static const struct {
    const char *plain, *coded;
} RFC[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
};

static void test_rfc_vectors(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof RFC / sizeof *RFC; i++) {
        buf_clear(&out);
        base64_encode(RFC[i].plain, strlen(RFC[i].plain), &out);
        assert_int_equal(out.len, strlen(RFC[i].coded));
        assert_string_equal(out.data, RFC[i].coded);
        buf_clear(&out);
        assert_int_equal(base64_decode(RFC[i].coded, strlen(RFC[i].coded), &out, NULL), 0);
        assert_int_equal(out.len, strlen(RFC[i].plain));
        assert_string_equal(out.data, RFC[i].plain);
    }
    buf_release(&out);
}

static void test_every_byte_and_length(void **state)
{
    unsigned char bytes[256];
    struct buf coded, back;

    (void)state;
    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    buf_init(&coded, 1000);
    buf_init(&back, 1000);
    for (size_t n = 0; n <= 256; n++) {
        buf_clear(&coded);
        buf_clear(&back);
        base64_encode(bytes, n, &coded);
        assert_int_equal(base64_decode(coded.data, coded.len, &back, NULL), 0);
        assert_int_equal(back.len, n);
        assert_memory_equal(back.data, bytes, n);
    }
    buf_release(&coded);
    buf_release(&back);
}

static void test_line_breaks_and_appending(void **state)
{
    static const char TEXT[] = " Zm9v\r\nYm\tFy \n";
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    buf_puts(&out, "before ");
    assert_int_equal(base64_decode(TEXT, strlen(TEXT), &out, NULL), 0);
    assert_string_equal(out.data, "before foobar");
    buf_release(&out);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *msg;
    } CASES[] = {
        { "Zm9v!", "base64: byte 0x21 at 4 is not base64" },
        { "Zm9-", "base64: byte 0x2d at 3 is not base64" },
        { "\x80", "base64: byte 0x80 at 0 is not base64" },
        { "Z", "base64: ends inside a group of four, after 1" },
        { "Zm9vYg", "base64: ends inside a group of four, after 2" },
        { "Zm9vYg=", "base64: ends inside a group of four, after 3" },
        { "=", "base64: misplaced '=' at or before 0" },
        { "Z===", "base64: misplaced '=' at or before 1" },
        { "Zg=v", "base64: misplaced '=' at or before 3" },
        { "Zg==Zg==", "base64: misplaced '=' at or before 4" },
        { "Zm8==", "base64: misplaced '=' at or before 4" },
        { "Zh==", "base64: bits left over before the '=' at 3" },
        { "Zm9=", "base64: bits left over before the '=' at 3" },
    };
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    buf_puts(&out, "kept");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err e = { 0 };
        assert_int_equal(base64_decode(CASES[i].text, strlen(CASES[i].text), &out, &e), -1);
        assert_err(&e, ERR_FORMAT, CASES[i].msg);
        assert_string_equal(out.data, "kept");
    }
    buf_release(&out);
}

static void test_over_the_limit(void **state)
{
    struct err e = { 0 };
    struct buf out;

    (void)state;
    buf_init(&out, 6);
    assert_int_equal(base64_decode("Zm9v\nYmFy\n", 10, &out, &e), 0); /* exactly full */
    assert_string_equal(out.data, "foobar");
    buf_release(&out);
    buf_init(&out, 5);
    assert_int_equal(base64_decode("Zm9vYmFy", 8, &out, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, "more than 5 bytes");
    buf_release(&out);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_rfc_vectors),
    cmocka_unit_test(test_every_byte_and_length),
    cmocka_unit_test(test_line_breaks_and_appending),
    cmocka_unit_test(test_refused),
    cmocka_unit_test(test_over_the_limit),
};

TEST_MAIN(TESTS)
