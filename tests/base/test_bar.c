/* The bar is as full as the job is done; lines come at their pace. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bar.h"
#include "tests/test.h"

static void check(int64_t done, int64_t total, const char *want)
{
    char text[BAR_WIDTH + 1];

    bar_draw(done, total, text);
    assert_string_equal(text, want);
}

static void a_bar_fills(void **state)
{
    (void)state;
    check(0, 100, ">                   ");
    check(50, 100, "==========>         ");
    check(99, 100, "===================>");
    check(100, 100, "====================");
    check(0, 0, "====================");
    check(INT64_MAX / 2, INT64_MAX, "==========>         ");
}

static void lines_keep_their_pace(void **state)
{
    static const int64_t SECOND = 1000000000;
    struct line plain = { .terminal = false, .shown_ns = 5 * SECOND };
    struct line terminal = { .terminal = true, .shown_ns = 5 * SECOND };

    (void)state;
    assert_false(line_due(&plain, 35 * SECOND - 1));
    assert_true(line_due(&plain, 35 * SECOND));
    assert_false(line_due(&plain, 64 * SECOND));
    assert_true(line_due(&plain, 65 * SECOND));
    assert_false(line_due(&terminal, 5 * SECOND + SECOND / 10));
    assert_true(line_due(&terminal, 5 * SECOND + SECOND / 4));
    assert_false(line_due(&terminal, 5 * SECOND + SECOND / 3));
}

/* What a line and its end write to stderr. */
static void written(bool terminal, char text[64])
{
    struct line l = { .terminal = terminal };
    FILE *f = tmpfile();
    int kept = dup(STDERR_FILENO);
    size_t n;

    assert_true(f && kept >= 0);
    fflush(stderr);
    assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
    line_show(&l, "%d of %s", 3, "4");
    line_end(&l);
    fflush(stderr);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    rewind(f);
    n = fread(text, 1, 63, f);
    text[n] = '\0';
    fclose(f);
}

static void terminals_draw_over(void **state)
{
    char text[64];

    (void)state;
    written(true, text);
    assert_string_equal(text, "\r3 of 4\033[K\n");
    written(false, text);
    assert_string_equal(text, "3 of 4\n");
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(a_bar_fills),
    cmocka_unit_test(lines_keep_their_pace),
    cmocka_unit_test(terminals_draw_over),
};
TEST_MAIN(TESTS)
