#include "tests/test.h"

#include <math.h>
#include <stdbool.h>

#include "base/rng.h"
#include "trainer/near_codes.h"

enum { ENTRIES = 100, DIM = 5 };

static float codebook[ENTRIES * DIM];

static int fill(void **state)
{
    (void)state;
    for (int i = 0; i < ENTRIES * DIM; i++)
        codebook[i] = rng_uniform_at(1, 2, (uint64_t)i) - 0.5f;
    return 0;
}

static double distance(int code, const float *z)
{
    double sum = 0;

    for (int i = 0; i < DIM; i++)
        sum += pow(codebook[code * DIM + i] - z[i], 2);
    return sum;
}

/* Sorted, and nothing that is left out is nearer. */
static void test_nearest_first(void **state)
{
    static const float z[DIM] = { 0.1f, -0.2f, 0.3f, 0, 0.2f };
    int32_t codes[NEAR_CODES];
    float odds[NEAR_CODES];
    bool kept[ENTRIES] = { 0 };

    (void)state;
    near_codes(codebook, ENTRIES, DIM, z, 0.02f, codes, odds);
    for (int i = 0; i < NEAR_CODES; i++) {
        assert_in_range(codes[i], 0, ENTRIES - 1);
        assert_false(kept[codes[i]]);
        kept[codes[i]] = true;
        if (i > 0)
            assert_true(distance(codes[i - 1], z) <= distance(codes[i], z));
    }
    for (int k = 0; k < ENTRIES; k++)
        if (!kept[k])
            assert_true(distance(k, z) >= distance(codes[NEAR_CODES - 1], z));
}

static void test_odds(void **state)
{
    static const float z[DIM] = { 0.1f, -0.2f, 0.3f, 0, 0.2f };
    const double temperature = 0.02;
    int32_t codes[NEAR_CODES];
    float odds[NEAR_CODES];
    double weight[NEAR_CODES], sum = 0, so_far = 0;

    (void)state;
    near_codes(codebook, ENTRIES, DIM, z, (float)temperature, codes, odds);
    for (int i = 0; i < NEAR_CODES; i++)
        sum += weight[i] = exp(-distance(codes[i], z) / (2 * temperature));
    for (int i = 0; i < NEAR_CODES; i++) {
        so_far += weight[i] / sum;
        assert_true(fabs(odds[i] - so_far) < 1e-5);
    }
}

/* Cold: the nearest alone. A row of the codebook is its own nearest. */
static void test_cold(void **state)
{
    int32_t codes[NEAR_CODES];
    float odds[NEAR_CODES];

    (void)state;
    near_codes(codebook, ENTRIES, DIM, codebook + 17 * DIM, 1e-5f, codes, odds);
    assert_int_equal(codes[0], 17);
    assert_int_equal(near_codes_draw(codes, odds, 0), 17);
    assert_int_equal(near_codes_draw(codes, odds, 0.999f), 17);
}

static void test_draw(void **state)
{
    int32_t codes[NEAR_CODES];
    float odds[NEAR_CODES];

    (void)state;
    for (int i = 0; i < NEAR_CODES; i++) {
        codes[i] = 100 + i;
        odds[i] = (float)(i + 1) / NEAR_CODES;
    }
    odds[NEAR_CODES - 1] = 0.99f; /* rounding may leave the last one short of 1 */
    assert_int_equal(near_codes_draw(codes, odds, 0), 100);
    assert_int_equal(near_codes_draw(codes, odds, 1.5f / NEAR_CODES), 101);
    assert_int_equal(near_codes_draw(codes, odds, 0.995f), 100 + NEAR_CODES - 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_nearest_first),
    cmocka_unit_test(test_odds),
    cmocka_unit_test(test_cold),
    cmocka_unit_test(test_draw),
};

TEST_MAIN_WITH(tests, fill, NULL)
