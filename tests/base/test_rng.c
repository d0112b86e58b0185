/*
 * Philox4x32-10 against its authors' known answers, and the moments of what is made from it.
 */
#include "tests/test.h"

#include <math.h>

#include "base/rng.h"

enum { MANY = 200000 };

static void test_known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], words[4];
    } CASES[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        uint64_t index = CASES[i].counter[0] | (uint64_t)CASES[i].counter[1] << 32;
        uint64_t stream = CASES[i].counter[2] | (uint64_t)CASES[i].counter[3] << 32;
        uint64_t seed = CASES[i].key[0] | (uint64_t)CASES[i].key[1] << 32;
        uint32_t words[4];
        rng_block(seed, stream, index, words);
        assert_memory_equal(words, CASES[i].words, sizeof words);
        assert_int_equal(rng_u32_at(seed, stream, index), words[0]);
    }
}

static void test_sequence_is_the_function(void **state)
{
    struct rng r = { 7, 3, 0 };

    (void)state;
    assert_int_equal(rng_u32(&r), rng_u32_at(7, 3, 0));
    assert_true(rng_uniform(&r) == rng_uniform_at(7, 3, 1));
    assert_int_equal(r.index, 2);
}

static void test_ends_of_uniform(void **state)
{
    (void)state;
    assert_true(rng_uniform_of(0) == 0.0f);
    assert_true(rng_uniform_of(UINT32_MAX) < 1.0f);
    assert_true(isfinite(rng_normal_of(UINT32_MAX, 0)));
    assert_true(rng_normal_of(UINT32_MAX, 0) < 5.8f);
    assert_true(rng_normal_of(0, 0) == 0.0f);
}

/* Bounds are five standard deviations of the estimate. */
static void test_uniform_moments(void **state)
{
    double sum = 0, square = 0;

    (void)state;
    for (int i = 0; i < MANY; i++) {
        double u = rng_uniform_at(1, 2, (uint64_t)i);
        sum += u;
        square += (u - 0.5) * (u - 0.5);
    }
    assert_true(fabs(sum / MANY - 0.5) < 5 * sqrt(1.0 / 12 / MANY));
    assert_true(fabs(square / MANY - 1.0 / 12) < 5 * sqrt(1.0 / 180 / MANY));
}

static void test_normal_moments(void **state)
{
    double power[5] = { 0 };

    (void)state;
    for (int i = 0; i < MANY; i++) {
        double x = rng_normal_at(1, 2, (uint64_t)i), p = 1;
        for (int k = 0; k < 5; k++, p *= x)
            power[k] += p / MANY;
    }
    assert_true(fabs(power[1]) < 5 * sqrt(1.0 / MANY));
    assert_true(fabs(power[2] - 1) < 5 * sqrt(2.0 / MANY));
    assert_true(fabs(power[3]) < 5 * sqrt(15.0 / MANY));
    assert_true(fabs(power[4] - 3) < 5 * sqrt(96.0 / MANY));
}

static void test_below(void **state)
{
    enum { N = 7 };
    struct rng r = { 5, 0, 0 };
    int counts[N] = { 0 };

    (void)state;
    for (int i = 0; i < N * 10000; i++) {
        uint32_t v = rng_below(&r, N);
        assert_true(v < N);
        counts[v]++;
    }
    for (int i = 0; i < N; i++)
        assert_in_range(counts[i], 10000 - 500, 10000 + 500);
    assert_int_equal(rng_below(&r, 1), 0);
}

/* 3 * 2^30 answers: without redrawing, the lowest third of every answer range would come twice as
 * often. */
static void test_below_has_no_bias(void **state)
{
    const uint32_t n = 3u << 30;
    struct rng r = { 5, 1, 0 };
    int residue[3] = { 0 };

    (void)state;
    for (int i = 0; i < 30000; i++)
        residue[rng_below(&r, n) % 3]++;
    for (int i = 0; i < 3; i++)
        assert_in_range(residue[i], 10000 - 410, 10000 + 410);
}

static void test_seeds_differ(void **state)
{
    (void)state;
    assert_true(rng_seed_from_system() != rng_seed_from_system());
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_known_answers),     cmocka_unit_test(test_sequence_is_the_function),
    cmocka_unit_test(test_ends_of_uniform),   cmocka_unit_test(test_uniform_moments),
    cmocka_unit_test(test_normal_moments),    cmocka_unit_test(test_below),
    cmocka_unit_test(test_below_has_no_bias), cmocka_unit_test(test_seeds_differ),
};

TEST_MAIN(TESTS)
