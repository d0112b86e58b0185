#include "tests/tmp.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "trainer/metrics.h"

static void test_values(void **state)
{
    struct metrics m = { 0 };

    (void)state;
    metrics_set(&m, "loss", 2);
    metrics_set(&m, "rate", 3);
    metrics_set(&m, "loss", 1.5);
    assert_int_equal(m.n, 2);
    assert_true(metrics_get(&m, "loss") == 1.5);
    assert_true(isnan(metrics_get(&m, "los")));
    assert_null(metrics_not_finite(&m));
    metrics_set(&m, "rate", (double)INFINITY);
    assert_string_equal(metrics_not_finite(&m), "rate");
    metrics_set(&m, "loss", (double)NAN);
    assert_string_equal(metrics_not_finite(&m), "loss");
}

static void test_full(void **state)
{
    static char names[METRICS_MAX + 2][16];
    struct metrics m = { 0 };

    (void)state;
    for (int i = 0; i < METRICS_MAX + 2; i++) {
        snprintf(names[i], sizeof names[i], "m%d", i);
        metrics_set(&m, names[i], i);
    }
    assert_int_equal(m.n, METRICS_MAX);
    assert_true(metrics_get(&m, "m23") == 23);
    metrics_set(&m, "m0", 7); /* those that are there may still change */
    assert_true(metrics_get(&m, "m0") == 7);
}

static void write_steps(const char *path, long long from, long long to)
{
    struct metrics m = { 0 };
    struct metrics_log log;

    assert_int_equal(metrics_log_open(&log, path, from, NULL), 0);
    for (long long step = from; step < to; step++) {
        metrics_set(&m, "loss", (double)step / 4);
        metrics_set(&m, "rate", 1e-3);
        assert_int_equal(metrics_log_write(&log, step, &m, NULL), 0);
    }
    metrics_log_close(&log);
}

static void assert_file(const char *path, const char *text)
{
    struct buf b;

    buf_init(&b, 65536);
    assert_int_equal(file_read(path, 65536, &b, NULL), 0);
    assert_string_equal(b.data ? b.data : "", text);
    buf_release(&b);
}

static void test_lines(void **state)
{
    (void)state;
    write_steps(tmp_path("a"), 0, 3);
    assert_file(tmp_path("a"), "{\"step\":0,\"loss\":0,\"rate\":0.001}\n"
                               "{\"step\":1,\"loss\":0.25,\"rate\":0.001}\n"
                               "{\"step\":2,\"loss\":0.5,\"rate\":0.001}\n");
}

/* The checkpoint is older than the last lines: they are done again and must not stand twice. */
static void test_resume_cuts(void **state)
{
    (void)state;
    write_steps(tmp_path("b"), 0, 12);
    write_steps(tmp_path("b"), 2, 4);
    assert_file(tmp_path("b"), "{\"step\":0,\"loss\":0,\"rate\":0.001}\n"
                               "{\"step\":1,\"loss\":0.25,\"rate\":0.001}\n"
                               "{\"step\":2,\"loss\":0.5,\"rate\":0.001}\n"
                               "{\"step\":3,\"loss\":0.75,\"rate\":0.001}\n");
    write_steps(tmp_path("b"), 0, 1);
    assert_file(tmp_path("b"), "{\"step\":0,\"loss\":0,\"rate\":0.001}\n");
}

/* A line that a crash left half, and one that is not ours: everything from there on goes. */
static void test_broken_lines(void **state)
{
    static const char HALF[] = "{\"step\":0,\"loss\":1}\n{\"step\":1,\"lo";
    static const char ALIEN[] = "{\"step\":0,\"loss\":1}\nhello\n{\"step\":1,\"loss\":1}\n";
    struct metrics_log log;

    (void)state;
    assert_int_equal(file_write(tmp_path("c"), HALF, sizeof HALF - 1, NULL), 0);
    assert_int_equal(metrics_log_open(&log, tmp_path("c"), 9, NULL), 0);
    metrics_log_close(&log);
    assert_file(tmp_path("c"), "{\"step\":0,\"loss\":1}\n");
    assert_int_equal(file_write(tmp_path("c"), ALIEN, sizeof ALIEN - 1, NULL), 0);
    assert_int_equal(metrics_log_open(&log, tmp_path("c"), 9, NULL), 0);
    metrics_log_close(&log);
    assert_file(tmp_path("c"), "{\"step\":0,\"loss\":1}\n");
}

static void test_no_folder(void **state)
{
    struct metrics_log log = { NULL };
    char words[400];
    struct err e;

    (void)state;
    assert_int_equal(metrics_log_open(&log, tmp_path("none/metrics"), 0, &e), -1);
    snprintf(words, sizeof words, "%s: No such file or directory", tmp_path("none/metrics"));
    assert_string_equal(e.msg, words);
    metrics_log_close(&log);
}

static void test_disk_full(void **state)
{
    struct metrics m = { 0 };
    struct metrics_log log;
    struct err e;

    (void)state;
    log.file = fopen("/dev/full", "a");
    if (!log.file) {
        print_message("skipped: no /dev/full here\n");
        skip();
    }
    assert_int_equal(metrics_log_write(&log, 0, &m, &e), -1);
    assert_err(&e, ERR_IO, "metrics: No space left on device");
    metrics_log_close(&log);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_values),       cmocka_unit_test(test_full),
    cmocka_unit_test(test_lines),        cmocka_unit_test(test_resume_cuts),
    cmocka_unit_test(test_broken_lines), cmocka_unit_test(test_no_folder),
    cmocka_unit_test(test_disk_full),
};

TEST_MAIN_TMP(tests)
