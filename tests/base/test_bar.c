/* The bar is as full as the job is done. */
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

static const struct CMUnitTest TESTS[] = { cmocka_unit_test(a_bar_fills) };
TEST_MAIN(TESTS)
