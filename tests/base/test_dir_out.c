/* A directory appears whole or not at all. */
#include "base/dir_out.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/test.h"
#include "tests/tmp.h"

static void put(const struct dir_out *d, const char *name)
{
    char *path = file_join(d->tmp, name);
    struct err e = { 0 };

    assert_int_equal(file_write(path, "x", 1, &e), 0);
    mem_free(path);
}

static size_t count(const char *dir)
{
    char **names;
    size_t n;
    struct err e = { 0 };

    assert_int_equal(file_list(dir, 100, &names, &n, &e), 0);
    file_list_free(names, n);
    return n;
}

static void a_commit_names_it(void **state)
{
    (void)state;
    struct dir_out d;
    struct err e = { 0 };

    assert_int_equal(dir_out_open(&d, tmp_path("new/deep/"), &e), 0);
    put(&d, "a");
    put(&d, "b");
    assert_false(file_exists(tmp_path("new/deep")));
    assert_int_equal(dir_out_commit(&d, &e), 0);
    dir_out_abort(&d);
    assert_int_equal(count(tmp_path("new/deep")), 2);
    assert_int_equal(count(tmp_path("new")), 1);
}

static void an_empty_directory_is_replaced(void **state)
{
    (void)state;
    struct dir_out d;
    struct err e = { 0 };

    assert_int_equal(file_make_dirs(tmp_path("empty"), &e), 0);
    assert_int_equal(dir_out_open(&d, tmp_path("empty"), &e), 0);
    put(&d, "a");
    assert_int_equal(dir_out_commit(&d, &e), 0);
    assert_int_equal(count(tmp_path("empty")), 1);
}

static void an_abort_leaves_nothing(void **state)
{
    (void)state;
    struct dir_out d;
    struct err e = { 0 };

    assert_int_equal(dir_out_open(&d, tmp_path("gone/it"), &e), 0);
    put(&d, "a");
    dir_out_abort(&d);
    assert_int_equal(count(tmp_path("gone")), 0);
}

static void what_is_there_is_left_alone(void **state)
{
    (void)state;
    struct dir_out d;
    struct err e = { 0 };
    char want[300];

    assert_int_equal(file_make_dirs(tmp_path("full"), &e), 0);
    assert_int_equal(file_write(tmp_path("full/mine"), "x", 1, &e), 0);
    assert_int_equal(dir_out_open(&d, tmp_path("full"), &e), -1);
    snprintf(want, sizeof want, "%s: exists and is not empty", tmp_path("full"));
    assert_err(&e, ERR_INVALID, want);
    assert_int_equal(count(tmp_path("full")), 1);
    assert_int_equal(dir_out_open(&d, tmp_path("full/mine"), &e), -1); /* a file */
    assert_int_equal(e.code, ERR_NOT_FOUND);                           /* Not a directory */
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(a_commit_names_it),
    cmocka_unit_test(an_empty_directory_is_replaced),
    cmocka_unit_test(an_abort_leaves_nothing),
    cmocka_unit_test(what_is_there_is_left_alone),
};
TEST_MAIN_TMP(TESTS)
