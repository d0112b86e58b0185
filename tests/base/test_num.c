/*
 * Numbers from outside: what is taken, what is refused and in which words.
 */
#include "tests/test.h"

#include <locale.h>

#include "base/num.h"

static void test_int_taken(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } CASES[] = {
        { "0", 0 },
        { "-0", 0 },
        { "007", 7 },
        { "4096", 4096 },
        { "-4096", -4096 },
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775808", INT64_MIN },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int64_t value = 99;
        assert_int_equal(num_parse_int(CASES[i].text, "n", INT64_MIN, INT64_MAX, &value, NULL), 0);
        assert_int_equal(value, CASES[i].value);
    }
}

static void test_int_refused(void **state)
{
    static const struct {
        const char *text, *msg;
    } CASES[] = {
        { "", "n: '' is not a whole number" },
        { "-", "n: '-' is not a whole number" },
        { "abc", "n: 'abc' is not a whole number" },
        { " 1", "n: ' 1' is not a whole number" },
        { "1 ", "n: '1 ' is not a whole number" },
        { "+1", "n: '+1' is not a whole number" },
        { "--1", "n: '--1' is not a whole number" },
        { "1.0", "n: '1.0' is not a whole number" },
        { "0x10", "n: '0x10' is not a whole number" },
        { "0", "n: 0 is outside 1..16" },
        { "17", "n: 17 is outside 1..16" },
        { "-1", "n: -1 is outside 1..16" },
        { "9223372036854775808", "n: 9223372036854775808 is outside 1..16" },
        { "11111111112222222222333333333344444444445555555555",
          "n: 1111111111222222222233333333334444444444 is outside 1..16" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err e = { 0 };
        int64_t value = 99;
        assert_int_equal(num_parse_int(CASES[i].text, "n", 1, 16, &value, &e), -1);
        assert_err(&e, ERR_INVALID, CASES[i].msg);
        assert_int_equal(value, 99);
    }
}

static void test_u64(void **state)
{
    struct err e = { 0 };
    uint64_t value = 99;

    (void)state;
    assert_int_equal(num_parse_u64("18446744073709551615", "seed", &value, &e), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(num_parse_u64("18446744073709551616", "seed", &value, &e), -1);
    assert_err(&e, ERR_INVALID, "seed: 18446744073709551616 is outside 0..18446744073709551615");
    assert_int_equal(num_parse_u64("-1", "seed", &value, &e), -1);
    assert_err(&e, ERR_INVALID, "seed: -1 is outside 0..18446744073709551615");
    assert_int_equal(num_parse_u64("x", "seed", &value, &e), -1);
    assert_err(&e, ERR_INVALID, "seed: 'x' is not a whole number");
    assert_true(value == UINT64_MAX);
}

static void test_real_taken(void **state)
{
    static const struct {
        const char *text;
        double value;
    } CASES[] = {
        { "0", 0 }, { "1.5", 1.5 }, { "-2e3", -2000 }, { ".5", .5 }, { "5.", 5 }, { "+1E-2", .01 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        double value = 99;
        assert_int_equal(num_parse_real(CASES[i].text, "x", -1e4, 1e4, &value, NULL), 0);
        assert_true(value == CASES[i].value);
    }
}

static void test_real_refused(void **state)
{
    static const struct {
        const char *text, *msg;
    } CASES[] = {
        { "", "x: '' is not a number" },           { "1,5", "x: '1,5' is not a number" },
        { "nan", "x: 'nan' is not a number" },     { "inf", "x: 'inf' is not a number" },
        { "1e999", "x: '1e999' is not a number" }, { "0x1p3", "x: '0x1p3' is not a number" },
        { " 1", "x: ' 1' is not a number" },       { "1.5.2", "x: '1.5.2' is not a number" },
        { "e", "x: 'e' is not a number" },         { "2.01", "x: 2.01 is outside 0.05..2" },
        { "0", "x: 0 is outside 0.05..2" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err e = { 0 };
        double value = 99;
        assert_int_equal(num_parse_real(CASES[i].text, "x", 0.05, 2, &value, &e), -1);
        assert_err(&e, ERR_INVALID, CASES[i].msg);
        assert_true(value == 99);
    }
}

/* Where the machine has a language with decimal commas, it must not matter. */
static void test_real_whatever_locale(void **state)
{
    static const char *const COMMA[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
    double value = 0;
    size_t i = 0;

    (void)state;
    while (i < sizeof COMMA / sizeof *COMMA && !setlocale(LC_NUMERIC, COMMA[i]))
        i++;
    if (i == sizeof COMMA / sizeof *COMMA) {
        print_message("skipped: no locale with decimal commas is installed\n");
        skip();
    }
    assert_int_equal(num_parse_real("1.5", "x", 0, 2, &value, NULL), 0);
    setlocale(LC_NUMERIC, "C");
    assert_true(value == 1.5);
}

static void test_bool(void **state)
{
    static const char *const WORDS[2][5] = { { "false", "no", "off", "0", "FALSE" },
                                             { "true", "yes", "on", "1", "True" } };
    struct err e = { 0 };
    bool value;

    (void)state;
    for (int truth = 0; truth < 2; truth++)
        for (int i = 0; i < 5; i++) {
            value = !truth;
            assert_int_equal(num_parse_bool(WORDS[truth][i], "b", &value, NULL), 0);
            assert_int_equal(value, truth);
        }
    assert_int_equal(num_parse_bool("maybe", "b", &value, &e), -1);
    assert_err(&e, ERR_INVALID, "b: 'maybe' is neither true nor false");
}

static void test_choice(void **state)
{
    struct err e;
    int value = 7;

    (void)state;
    assert_int_equal(num_parse_choice("png", "format", "png|jpeg|webp", &value, NULL), 0);
    assert_int_equal(value, 0);
    assert_int_equal(num_parse_choice("webp", "format", "png|jpeg|webp", &value, NULL), 0);
    assert_int_equal(value, 2);
    assert_int_equal(num_parse_choice("jpe", "format", "png|jpeg|webp", &value, &e), -1);
    assert_err(&e, ERR_INVALID, "format: 'jpe' is none of png|jpeg|webp");
    assert_int_equal(num_parse_choice("png|jpeg", "format", "png|jpeg|webp", &value, &e), -1);
    assert_int_equal(value, 2);
}

static void test_sizes(void **state)
{
    size_t n = 99;

    (void)state;
    assert_true(num_mul(0, SIZE_MAX, &n));
    assert_int_equal(n, 0);
    assert_true(num_mul(SIZE_MAX, 1, &n));
    assert_true(n == SIZE_MAX);
    assert_false(num_mul(SIZE_MAX / 2 + 1, 2, &n));
    assert_true(num_add(SIZE_MAX - 1, 1, &n));
    assert_true(n == SIZE_MAX);
    n = 99;
    assert_false(num_add(SIZE_MAX, 1, &n));
    assert_int_equal(n, 99);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_int_taken),    cmocka_unit_test(test_int_refused),
    cmocka_unit_test(test_u64),          cmocka_unit_test(test_real_taken),
    cmocka_unit_test(test_real_refused), cmocka_unit_test(test_real_whatever_locale),
    cmocka_unit_test(test_bool),         cmocka_unit_test(test_choice),
    cmocka_unit_test(test_sizes),
};

TEST_MAIN(TESTS)
