#include "tests/test.h"

#include "trainer/schedule.h"

static void test_rise(void **state)
{
    (void)state;
    assert_float_equal(schedule_rate(0, 100, 4, 8e-3, 0.1), 2e-3, 1e-12);
    assert_float_equal(schedule_rate(1, 100, 4, 8e-3, 0.1), 4e-3, 1e-12);
    assert_float_equal(schedule_rate(3, 100, 4, 8e-3, 0.1), 8e-3, 1e-12);
    assert_float_equal(schedule_rate(4, 100, 4, 8e-3, 0.1), 8e-3, 1e-12);
}

static void test_cosine(void **state)
{
    (void)state;
    /* a quarter of the way: end + (1 - end) (1 + cos(pi/4)) / 2 */
    assert_float_equal(schedule_rate(29, 104, 4, 1, 0.1), 0.1 + 0.9 * 0.853553390593, 1e-9);
    assert_float_equal(schedule_rate(54, 104, 4, 1, 0.1), 0.55, 1e-9);
    assert_float_equal(schedule_rate(104, 104, 4, 1, 0.1), 0.1, 1e-12);
    assert_float_equal(schedule_rate(1000, 104, 4, 1, 0.1), 0.1, 1e-12);
    for (int step = 4; step < 104; step++)
        assert_true(schedule_rate(step + 1, 104, 4, 1, 0.1) < schedule_rate(step, 104, 4, 1, 0.1));
}

static void test_corners(void **state)
{
    (void)state;
    assert_float_equal(schedule_rate(0, 10, 0, 0.5, 0), 0.5, 1e-12);   /* no warm-up */
    assert_float_equal(schedule_rate(9, 10, 20, 0.5, 0), 0.25, 1e-12); /* nothing but warm-up */
    assert_float_equal(schedule_rate(7, 10, 2, 0.5, 1), 0.5, 1e-12);   /* constant */
    assert_float_equal(schedule_rate(0, 1, 0, 0.5, 0.1), 0.5, 1e-12);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rise),
    cmocka_unit_test(test_cosine),
    cmocka_unit_test(test_corners),
};

TEST_MAIN(tests)
