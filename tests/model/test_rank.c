/* Order by score, best first; equal ones stay in order; what is no number goes last. */
#include "tests/test.h"

#include <math.h>

#include "model/rank.h"

static void test_cosine(void **state)
{
    static const float a[] = { 0.6f, 0.8f }, b[] = { 0.8f, -0.6f };

    (void)state;
    assert_true(fabsf(rank_cosine(a, a, 2) - 1) < 1e-6f);
    assert_true(fabsf(rank_cosine(a, b, 2)) < 1e-6f);
}

static void test_order(void **state)
{
    static const struct {
        int n;
        float scores[6];
        int order[6];
    } CASES[] = {
        { 0, { 0 }, { 0 } },
        { 1, { 5 }, { 0 } },
        { 3, { 1, 2, 3 }, { 2, 1, 0 } },
        { 4, { 1, 2, 1, 2 }, { 1, 3, 0, 2 } },
        { 5, { NAN, 1, NAN, -INFINITY, 2 }, { 4, 1, 3, 0, 2 } },
        { 6, { 0, 0, 0, 0, 0, 0 }, { 0, 1, 2, 3, 4, 5 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int order[6];
        rank_order(CASES[i].scores, CASES[i].n, order);
        assert_memory_equal(order, CASES[i].order, (size_t)CASES[i].n * sizeof *order);
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_cosine),
    cmocka_unit_test(test_order),
};

TEST_MAIN(TESTS)
