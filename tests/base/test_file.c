/*
 * Files: read with a limit, written so that a reader never sees half; gzip; names and directories.
 */
#include "tests/tmp.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/gzip.h"
#include "base/mem.h"

static void assert_holds(const char *path, const char *text)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, &b, NULL), 0);
    assert_string_equal(b.len ? b.data : "", text);
    buf_release(&b);
}

static void put(const char *name, const char *text)
{
    assert_int_equal(file_write(tmp_path(name), text, strlen(text), NULL), 0);
}

/* "PATH: words", as an error of the temporary file `name`. */
static const char *words_for(const char *name, const char *words)
{
    static char msg[400];

    snprintf(msg, sizeof msg, "%s: %s", tmp_path(name), words);
    return msg;
}

/* Temporary names that an atomic write left behind. */
static int leftovers(void)
{
    char **names;
    size_t n;
    int found = 0;

    assert_int_equal(file_list(tmp_dir, 100, &names, &n, NULL), 0);
    for (size_t i = 0; i < n; i++)
        found += strstr(names[i], ".tmp") != NULL;
    file_list_free(names, n);
    return found;
}

static void test_commit_replaces(void **state)
{
    struct file_out f;

    (void)state;
    put("a", "old");
    assert_int_equal(file_out_open(&f, tmp_path("a"), NULL), 0);
    file_out_write(&f, "ne", 2);
    file_out_write(&f, "w", 1);
    assert_int_equal(f.written, 3);
    assert_holds(tmp_path("a"), "old"); /* until the last moment */
    assert_int_equal(file_out_commit(&f, NULL), 0);
    assert_holds(tmp_path("a"), "new");
    file_out_abort(&f); /* harmless */
    assert_holds(tmp_path("a"), "new");
    assert_int_equal(leftovers(), 0);
}

static void test_abort_keeps(void **state)
{
    struct file_out f;

    (void)state;
    put("b", "old");
    assert_int_equal(file_out_open(&f, tmp_path("b"), NULL), 0);
    file_out_write(&f, "new", 3);
    assert_int_equal(leftovers(), 1);
    file_out_abort(&f);
    assert_holds(tmp_path("b"), "old");
    assert_int_equal(leftovers(), 0);
}

/* A write past RLIMIT_FSIZE fails as a full disk does. */
static void test_failed_write_keeps(void **state)
{
    static const char MUCH[10000];
    struct rlimit kept, small;
    struct file_out f;
    struct err e = { 0 };

    (void)state;
    put("c", "old");
    getrlimit(RLIMIT_FSIZE, &kept);
    small = kept;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(file_out_open(&f, tmp_path("c"), NULL), 0);
    file_out_write(&f, MUCH, sizeof MUCH);
    file_out_write(&f, "more", 4); /* sticky */
    setrlimit(RLIMIT_FSIZE, &kept);
    assert_int_equal(file_out_commit(&f, &e), -1);
    assert_err(&e, ERR_IO, words_for("c", "File too large"));
    assert_holds(tmp_path("c"), "old");
    assert_int_equal(leftovers(), 0);
}

static void test_open_fails(void **state)
{
    struct file_out f;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(file_out_open(&f, "/nowhere/x", &e), -1);
    assert_err(&e, ERR_NOT_FOUND, "/nowhere/x: No such file or directory");
    file_out_abort(&f);
    mem_fail_after(2);
    assert_int_equal(file_out_open(&f, tmp_path("x"), &e), -1);
    mem_fail_after(0);
    assert_err(&e, ERR_NOMEM, words_for("x", "out of memory"));
}

static void test_mode_follows_umask(void **state)
{
    mode_t kept = umask(027);
    struct stat st;

    (void)state;
    put("mode", "");
    umask(kept);
    assert_int_equal(stat(tmp_path("mode"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void test_read(void **state)
{
    struct buf b;
    struct err e = { 0 };

    (void)state;
    put("four", "four");
    buf_init(&b, 100);
    buf_puts(&b, "> ");
    assert_int_equal(file_read(tmp_path("four"), 4, &b, &e), 0);
    assert_string_equal(b.data, "> four");
    assert_int_equal(file_read(tmp_path("four"), 3, &b, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, words_for("four", "more than 3 bytes"));
    assert_int_equal(file_read(tmp_path("none"), 3, &b, &e), -1);
    assert_err(&e, ERR_NOT_FOUND, words_for("none", "No such file or directory"));
    assert_int_equal(file_read(tmp_dir, 3, &b, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    buf_release(&b);
    buf_init(&b, 3);
    assert_int_equal(file_read(tmp_path("four"), 100, &b, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, words_for("four", "more than 3 bytes"));
    buf_release(&b);
}

static void test_map(void **state)
{
    struct file_map m = { 0 };
    struct err e = { 0 };

    (void)state;
    put("four", "four");
    put("empty", "");
    assert_int_equal(file_map_open(tmp_path("four"), 4, &m, &e), 0);
    assert_int_equal(m.size, 4);
    assert_memory_equal(m.data, "four", 4);
    file_map_close(&m);
    assert_null(m.data);
    file_map_close(&m);
    assert_int_equal(file_map_open(tmp_path("empty"), 4, &m, &e), 0);
    assert_null(m.data);
    assert_int_equal(m.size, 0);
    file_map_close(&m);
}

static void test_map_forget(void **state)
{
    enum { SIZE = 5 << 12 };
    struct file_map m = { 0 };
    char bytes[SIZE];
    struct err e = { 0 };

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(file_write(tmp_path("pages"), bytes, sizeof bytes, &e), 0);
    assert_int_equal(file_map_open(tmp_path("pages"), SIZE, &m, &e), 0);
    assert_memory_equal(m.data, bytes, sizeof bytes);
    file_map_forget(m.data + 1, SIZE - 2);
    assert_memory_equal(m.data, bytes, sizeof bytes);
    file_map_forget(m.data, 0);
    file_map_close(&m);
}

static void test_map_refused(void **state)
{
    struct file_map m = { 0 };
    struct err e = { 0 };

    (void)state;
    put("four", "four");
    assert_int_equal(file_map_open(tmp_path("four"), 3, &m, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, words_for("four", "4 bytes, more than 3"));
    assert_int_equal(file_map_open(tmp_path("none"), 3, &m, &e), -1);
    assert_err(&e, ERR_NOT_FOUND, words_for("none", "No such file or directory"));
    assert_int_equal(file_map_open("/dev/null", 3, &m, &e), -1);
    assert_err(&e, ERR_IO, "/dev/null: not a regular file");
}

static void test_dirs(void **state)
{
    struct err e = { 0 };

    (void)state;
    assert_int_equal(file_make_dirs(tmp_path("d/e/f"), &e), 0);
    assert_int_equal(file_make_dirs(tmp_path("d/e/f/"), &e), 0);
    assert_true(file_exists(tmp_path("d/e/f")));
    assert_false(file_exists(tmp_path("d/g")));
    put("d/file", "");
    assert_int_equal(file_make_dirs(tmp_path("d/file"), &e), -1);
    assert_err(&e, ERR_IO, words_for("d/file", "exists and is not a directory"));
    assert_int_equal(file_make_dirs(tmp_path("d/file/x"), &e), -1);
    assert_err(&e, ERR_IO, words_for("d/file", "exists and is not a directory"));
}

static void test_join(void **state)
{
    static const char *const CASES[][3] = {
        { "a", "b", "a/b" },
        { "a/", "b", "a/b" },
        { "/", "b", "/b" },
        { "", "b", "b" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char *path = file_join(CASES[i][0], CASES[i][1]);
        assert_string_equal(path, CASES[i][2]);
        mem_free(path);
    }
}

static void test_list(void **state)
{
    struct err e = { 0 };
    char **names;
    size_t n;

    (void)state;
    assert_int_equal(file_make_dirs(tmp_path("list/sub"), NULL), 0);
    put("list/b", "");
    put("list/a", "");
    put("list/B", "");
    assert_int_equal(file_list(tmp_path("list"), 4, &names, &n, &e), 0);
    assert_int_equal(n, 4);
    assert_string_equal(names[0], "B");
    assert_string_equal(names[1], "a");
    assert_string_equal(names[2], "b");
    assert_string_equal(names[3], "sub");
    file_list_free(names, n);
    assert_int_equal(file_list(tmp_path("list"), 3, &names, &n, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, words_for("list", "more than 3 entries"));
    assert_int_equal(file_list(tmp_path("none"), 3, &names, &n, &e), -1);
    assert_err(&e, ERR_NOT_FOUND, words_for("none", "No such file or directory"));
    assert_int_equal(file_list(tmp_path("list/sub"), 3, &names, &n, &e), 0);
    assert_int_equal(n, 0);
    file_list_free(names, n);
}

/* gzip of 1000 times "cat " */
static const unsigned char GZIPPED[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                         0x03, 0xed, 0xc3, 0x41, 0x09, 0x00, 0x00, 0x08, 0x04,
                                         0xb0, 0x2a, 0x56, 0x93, 0xab, 0x70, 0xfd, 0x31, 0x86,
                                         0x9f, 0x0d, 0x96, 0xed, 0x44, 0x55, 0x55, 0x55, 0x7d,
                                         0x7d, 0x91, 0xbd, 0x9f, 0x8d, 0xa0, 0x0f, 0x00, 0x00 };

static void test_gzip(void **state)
{
    struct buf b;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(file_write(tmp_path("cats.gz"), GZIPPED, sizeof GZIPPED, NULL), 0);
    put("plain", "plain text");
    buf_init(&b, 10000);
    assert_int_equal(gzip_read(tmp_path("cats.gz"), 4000, &b, &e), 0);
    assert_int_equal(b.len, 4000);
    for (size_t i = 0; i < 1000; i++)
        assert_memory_equal(b.data + 4 * i, "cat ", 4);
    buf_clear(&b);
    assert_int_equal(gzip_read(tmp_path("plain"), 10, &b, &e), 0);
    assert_string_equal(b.data, "plain text");
    buf_release(&b);
}

static void test_gzip_refused(void **state)
{
    unsigned char damaged[sizeof GZIPPED];
    struct buf b;
    struct err e = { 0 };

    (void)state;
    buf_init(&b, 1 << 20);
    file_write(tmp_path("cats.gz"), GZIPPED, sizeof GZIPPED, NULL);
    assert_int_equal(gzip_read(tmp_path("cats.gz"), 3999, &b, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, words_for("cats.gz", "more than 3999 bytes"));
    file_write(tmp_path("cut.gz"), GZIPPED, sizeof GZIPPED - 9, NULL);
    assert_int_equal(gzip_read(tmp_path("cut.gz"), 4000, &b, &e), -1);
    assert_err(&e, ERR_FORMAT, words_for("cut.gz", "the gzip data ends early"));
    memcpy(damaged, GZIPPED, sizeof damaged);
    damaged[sizeof damaged - 6] ^= 1; /* in the checksum */
    file_write(tmp_path("bad.gz"), damaged, sizeof damaged, NULL);
    assert_int_equal(gzip_read(tmp_path("bad.gz"), 4000, &b, &e), -1);
    assert_err(&e, ERR_FORMAT, words_for("bad.gz", "incorrect data check"));
    assert_int_equal(gzip_read(tmp_path("none.gz"), 4000, &b, &e), -1);
    assert_err(&e, ERR_NOT_FOUND, words_for("none.gz", "No such file or directory"));
    buf_release(&b);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_commit_replaces),
    cmocka_unit_test(test_abort_keeps),
    cmocka_unit_test(test_failed_write_keeps),
    cmocka_unit_test(test_open_fails),
    cmocka_unit_test(test_mode_follows_umask),
    cmocka_unit_test(test_read),
    cmocka_unit_test(test_map),
    cmocka_unit_test(test_map_forget),
    cmocka_unit_test(test_map_refused),
    cmocka_unit_test(test_dirs),
    cmocka_unit_test(test_join),
    cmocka_unit_test(test_list),
    cmocka_unit_test(test_gzip),
    cmocka_unit_test(test_gzip_refused),
};

TEST_MAIN_TMP(TESTS)
