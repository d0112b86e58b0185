/*
 * Codes and words of struct err.
 */
#include "tests/test.h"

#include <errno.h>
#include <string.h>

#include "base/printable.h"

static void test_set(void **state)
{
    struct err e = { 0 };

    (void)state;
    assert_int_equal(err_set(&e, ERR_TOO_LARGE, "n: %d is outside 1..%d", 17, 16), -1);
    assert_err(&e, ERR_TOO_LARGE, "n: 17 is outside 1..16");
    assert_int_equal(err_set(NULL, ERR_INVALID, "nobody asked"), -1);
    assert_int_equal(err_prefix(NULL, "nobody asked"), -1);
}

static void test_prefix(void **state)
{
    struct err e = { 0 };

    (void)state;
    err_set(&e, ERR_FORMAT, "bad header");
    assert_int_equal(err_prefix(&e, "%s: ", "a.png"), -1);
    assert_int_equal(err_prefix(&e, "image 2: "), -1);
    assert_err(&e, ERR_FORMAT, "image 2: a.png: bad header");
}

static void test_arguments_from_itself(void **state)
{
    struct err e = { 0 };

    (void)state;
    err_set(&e, ERR_IO, "first");
    err_set(&e, ERR_INTERNAL, "second after %s", e.msg);
    assert_err(&e, ERR_INTERNAL, "second after first");
}

static void test_long_words_are_cut(void **state)
{
    char word[1000];
    struct err e = { 0 };

    (void)state;
    memset(word, 'x', sizeof word);
    word[sizeof word - 1] = '\0';
    err_set(&e, ERR_INVALID, "%s", word);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    err_prefix(&e, "prompt: ");
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    assert_memory_equal(e.msg, "prompt: xxx", 11);
    err_prefix(&e, "%s", word);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

/* A file's words end up on terminals. */
static void test_no_control_characters(void **state)
{
    static const char WORD[] = "a\nb\x1b[31mc\x7f"
                               "d\xc2\x9b"
                               "e \xc3\xa9\xc2\xa0";
    struct err e = { 0 };

    (void)state;
    err_set(&e, ERR_FORMAT, "%s", WORD);
    assert_err(&e, ERR_FORMAT, "a b [31mc d  e \xc3\xa9\xc2\xa0");
    err_set(&e, ERR_FORMAT, "x");
    err_prefix(&e, "%s: ", "one\ttwo");
    assert_err(&e, ERR_FORMAT, "one two: x");
    assert_true(printable_is("caf\xc3\xa9 \xc2\xa0"));
    assert_false(printable_is("a\xc2\x85"));
    assert_false(printable_is("\x1b"));
}

static void test_errno(void **state)
{
    static const struct {
        int number;
        enum err_code code;
        const char *msg;
    } CASES[] = {
        { ENOENT, ERR_NOT_FOUND, "x: No such file or directory" },
        { ENOTDIR, ERR_NOT_FOUND, "x: Not a directory" },
        { ENOMEM, ERR_NOMEM, "x: Cannot allocate memory" },
        { ENOSPC, ERR_IO, "x: No space left on device" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err e = { 0 };
        errno = CASES[i].number;
        assert_int_equal(err_errno(&e, "x"), -1);
        assert_err(&e, CASES[i].code, CASES[i].msg);
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_set),
    cmocka_unit_test(test_prefix),
    cmocka_unit_test(test_arguments_from_itself),
    cmocka_unit_test(test_long_words_are_cut),
    cmocka_unit_test(test_no_control_characters),
    cmocka_unit_test(test_errno),
};

TEST_MAIN(TESTS)
