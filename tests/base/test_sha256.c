/* SHA-256 of files: the test vectors of FIPS 180-4, and a file longer than one piece. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "tests/test.h"
#include "tests/tmp.h"

static void check(const void *data, size_t n, const char *want)
{
    char text[SHA256_TEXT_BYTES];
    struct err e = { 0 };

    assert_int_equal(file_write(tmp_path("x"), data, n, &e), 0);
    assert_int_equal(sha256_file(tmp_path("x"), text, &e), 0);
    assert_string_equal(text, want);
}

static void published_vectors(void **state)
{
    (void)state;
    check("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* sha256sum of 17 MiB of 'a' */
static void long_files_are_read_in_pieces(void **state)
{
    (void)state;
    size_t n = (size_t)17 << 20;
    char *data = mem_alloc(n, 1);

    assert_non_null(data);
    memset(data, 'a', n);
    check(data, n, "2cabb964545c9b0810d9b0ecb9b388f2c48ba7b4b1ff08442a11fe5910bded55");
    mem_free(data);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    char text[SHA256_TEXT_BYTES];
    struct err e = { 0 };

    assert_int_equal(sha256_file("/nowhere", text, &e), -1);
    assert_err(&e, ERR_NOT_FOUND, "/nowhere: No such file or directory");
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(published_vectors),
    cmocka_unit_test(long_files_are_read_in_pieces),
    cmocka_unit_test(a_missing_file_is_named),
};
TEST_MAIN_TMP(TESTS)
