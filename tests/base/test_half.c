/*
 * 16-bit floats: rounding to nearest even, and all of them there and back.
 */
#include <math.h>

#include "base/half.h"
#include "tests/test.h"

static void test_half(void **state)
{
    static const struct {
        float x;
        uint16_t f16, bf16;
    } CASES[] = {
        { 0.0f, 0x0000, 0x0000 },
        { -1.0f, 0xbc00, 0xbf80 },
        { 65504.0f, 0x7bff, 0x4780 },
        { 65519.0f, 0x7bff, 0x4780 },
        { 65520.0f, 0x7c00, 0x4780 },
        { 1.0f + 0x1p-11f, 0x3c00, 0x3f80 },     /* half way: to even */
        { 1.0f + 3 * 0x1p-11f, 0x3c02, 0x3f80 }, /* half way: to even, upwards */
        { 1.0f + 3 * 0x1p-8f, 0x3c0c, 0x3f82 },
        { 0x1p-14f, 0x0400, 0x3880 },
        { 0x1p-24f, 0x0001, 0x3380 },
        { 0x1p-25f, 0x0000, 0x3300 },
        { 3 * 0x1p-25f, 0x0002, 0x33c0 },
        { -INFINITY, 0xfc00, 0xff80 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        assert_int_equal(half_to_f16(CASES[i].x), CASES[i].f16);
        assert_int_equal(half_to_bf16(CASES[i].x), CASES[i].bf16);
    }
    assert_true(isnan(half_from_f16(half_to_f16(NAN))));
    assert_true(isnan(half_from_bf16(half_to_bf16(NAN))));
}

static void test_half_all(void **state)
{
    (void)state;
    for (unsigned u = 0; u < 65536; u++) {
        float f = half_from_f16((uint16_t)u), b = half_from_bf16((uint16_t)u);
        if (!isnan(f))
            assert_int_equal(half_to_f16(f), u);
        if (!isnan(b))
            assert_int_equal(half_to_bf16(b), u);
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_half),
    cmocka_unit_test(test_half_all),
};
TEST_MAIN(TESTS)
