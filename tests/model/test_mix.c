/* Mixed prompts: weights count, a unit vector comes out, and nothing comes of parts that cancel. */
#include "tests/test.h"

#include <math.h>

#include "model/mix.h"

static const float X[] = { 1, 0, 0 }, Y[] = { 0, 1, 0 }, BACK[] = { -1, 0, 0 };

static const struct {
    int n;
    const float *v[3];
    float weight[3];
    float want[3];
} CASES[] = {
    { 1, { X }, { 0.3f }, { 1, 0, 0 } },
    { 1, { X }, { -2 }, { 1, 0, 0 } }, /* there is nothing to weigh it against */
    { 2, { X, Y }, { 1, 1 }, { 0.70710678f, 0.70710678f, 0 } },
    { 2, { X, Y }, { 3, 4 }, { 0.6f, 0.8f, 0 } },
    { 2, { X, Y }, { 1, -1 }, { 0.70710678f, -0.70710678f, 0 } },
    { 2, { X, Y }, { 1, 0 }, { 1, 0, 0 } },
    { 3, { X, BACK, Y }, { 2, 1, 1 }, { 0.70710678f, 0.70710678f, 0 } },
};

static void test_mixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        float got[3];
        assert_int_equal(mix_unit(CASES[i].v, CASES[i].weight, CASES[i].n, 3, got, NULL), 0);
        for (int k = 0; k < 3; k++)
            assert_true(fabsf(got[k] - CASES[i].want[k]) < 1e-6f);
    }
}

static void test_parts_that_cancel(void **state)
{
    const float *v[] = { X, BACK };
    const float same[] = { 1, 1 }, nothing[] = { 0, 0 };
    struct err e;
    float got[3];

    (void)state;
    assert_int_equal(mix_unit(v, same, 2, 3, got, &e), -1);
    assert_err(&e, ERR_INVALID, "the parts cancel each other");
    assert_int_equal(mix_unit(v, nothing, 2, 3, got, &e), -1);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_mixes),
    cmocka_unit_test(test_parts_that_cancel),
};

TEST_MAIN(TESTS)
