/*
 * What a log line looks like, with and without a journal, and the clock that tests may stop.
 */
#include "tests/tmp.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

/* What log_warn and log_debug leave on stderr. */
static void capture(const char *words, struct buf *ret_lines)
{
    int out = open(tmp_path("stderr"), O_RDWR | O_CREAT | O_TRUNC, 0600), kept = dup(STDERR_FILENO);

    dup2(out, STDERR_FILENO);
    log_warn("sched: %s", words);
    log_debug("unseen");
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(out);
    buf_clear(ret_lines);
    assert_int_equal(file_read(tmp_path("stderr"), 1 << 16, ret_lines, NULL), 0);
}

static void test_for_people(void **state)
{
    struct buf lines;
    int y, mo, d, h, mi, s, ms, n = 0;

    (void)state;
    buf_init(&lines, 1 << 16);
    unsetenv("JOURNAL_STREAM");
    capture("late", &lines);
    assert_int_equal(sscanf(lines.data, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ warn sched: late\n%n", &y,
                            &mo, &d, &h, &mi, &s, &ms, &n),
                     7);
    assert_int_equal(n, lines.len);
    buf_release(&lines);
}

static void test_for_the_journal(void **state)
{
    struct buf lines;

    (void)state;
    buf_init(&lines, 1 << 16);
    setenv("JOURNAL_STREAM", "8:1", 1);
    capture("late", &lines);
    assert_string_equal(lines.data, "<4>sched: late\n");
    unsetenv("JOURNAL_STREAM");
    buf_release(&lines);
}

static void test_one_event_is_one_line(void **state)
{
    char word[10000];
    struct buf lines;

    (void)state;
    buf_init(&lines, 1 << 16);
    setenv("JOURNAL_STREAM", "8:1", 1);
    capture("a\n<0>forged\x1b[31m", &lines);
    assert_string_equal(lines.data, "<4>sched: a <0>forged [31m\n");
    memset(word, 'x', sizeof word);
    word[sizeof word - 1] = '\0';
    capture(word, &lines);
    assert_int_equal(strcspn(lines.data, "\n"), lines.len - 1);
    assert_in_range(lines.len, 1000, 4000);
    unsetenv("JOURNAL_STREAM");
    buf_release(&lines);
}

static void test_levels(void **state)
{
    struct buf lines;

    (void)state;
    buf_init(&lines, 1 << 16);
    log_set_level(LOG_LEVEL_ERROR);
    capture("unseen too", &lines);
    log_set_level(LOG_LEVEL_INFO);
    assert_int_equal(lines.len, 0);
    buf_release(&lines);
}

static void test_clock(void **state)
{
    int64_t before = clock_ns();

    (void)state;
    assert_true(clock_ns() >= before);
    clock_stop_at(5000000);
    assert_int_equal(clock_ns(), 5000000);
    assert_int_equal(clock_ms(), 5);
    clock_stop_at(-1);
    assert_true(clock_ns() >= before);
    assert_true(clock_unix() > 1700000000);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_for_people),
    cmocka_unit_test(test_for_the_journal),
    cmocka_unit_test(test_one_event_is_one_line),
    cmocka_unit_test(test_levels),
    cmocka_unit_test(test_clock),
};

TEST_MAIN_TMP(TESTS)
