/*
 * vmath.h against libm in double, over the whole range of each function.
 */
#include <float.h>

#include "kernels/cpu/vmath.h"
#include "tests/test.h"

#define POINTS 200000
#define ULP_MAX 3.0

static double ref_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* The distance in units of the last place of the true value. */
static double ulps(double want, float got)
{
    float at = fabsf((float)want);

    return fabs(got - want) / (nextafterf(at, INFINITY) - at);
}

static void expect_within(float (*f)(float), double (*ref)(double), float lo, float hi)
{
    for (int i = 0; i <= POINTS; i++) {
        float x = lo + (hi - lo) * (float)i / POINTS;
        double off = ulps(ref(x), f(x));
        if (!(off <= ULP_MAX))
            fail_msg("at %.9g: %.9g, true %.9g, off by %.2f units", x, f(x), ref(x), off);
    }
}

static void test_exp(void **state)
{
    (void)state;
    expect_within(vm_exp, exp, -87.3f, 88.72f);
    expect_within(vm_exp, exp, -0.5f, 0.5f);
    assert_true(vm_exp(-INFINITY) == 0.0f && vm_exp(-88.0f) == 0.0f);
    assert_true(vm_exp(89.0f) == INFINITY && vm_exp(INFINITY) == INFINITY);
    assert_true(isnan(vm_exp(NAN)));
}

static void test_log(void **state)
{
    (void)state;
    expect_within(vm_log, log, 0.5f, 2.0f);
    expect_within(vm_log, log, 1.0f, 5000.0f);
    expect_within(vm_log, log, FLT_MIN, 1e-30f);
    expect_within(vm_log, log, 1e30f, 1e33f);
    assert_true(vm_log(1.0f) == 0.0f);
}

static void test_sigmoid(void **state)
{
    (void)state;
    expect_within(vm_sigmoid, ref_sigmoid, -87.0f, 40.0f);
    assert_true(vm_sigmoid(-INFINITY) == 0.0f && vm_sigmoid(INFINITY) == 1.0f);
    assert_true(isnan(vm_sigmoid(NAN)));
}

static void test_tanh(void **state)
{
    (void)state;
    expect_within(vm_tanh, tanh, -12.0f, 12.0f);
    expect_within(vm_tanh, tanh, -0.01f, 0.01f);
    assert_true(vm_tanh(-INFINITY) == -1.0f && vm_tanh(INFINITY) == 1.0f);
    assert_true(isnan(vm_tanh(NAN)));
}

static void test_erf(void **state)
{
    (void)state;
    expect_within(vm_erf, erf, -5.0f, 5.0f);
    expect_within(vm_erf, erf, -0.01f, 0.01f);
    assert_true(vm_erf(-INFINITY) == -1.0f && vm_erf(INFINITY) == 1.0f);
    assert_true(isnan(vm_erf(NAN)));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_exp),  cmocka_unit_test(test_log), cmocka_unit_test(test_sigmoid),
    cmocka_unit_test(test_tanh), cmocka_unit_test(test_erf),
};

TEST_MAIN(tests)
