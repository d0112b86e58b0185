/* Views: elements come in C order, however they lie. */
#include "convert/view.h"
#include "tests/test.h"

static const float NUMBERS[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

static struct view matrix(void)
{
    return view_of(W_F32, 2, (int64_t[]){ 3, 4 }, NUMBERS);
}

static void check(const struct view *v, int64_t first, size_t n, const float *want)
{
    float got[12];
    double wide[12];

    view_read_f32(v, first, n, got);
    view_read_f64(v, first, n, wide);
    for (size_t i = 0; i < n; i++) {
        assert_float_equal(got[i], want[i], 0);
        assert_float_equal(wide[i], want[i], 0);
    }
}

static void a_range_is_read_as_it_lies(void **state)
{
    (void)state;
    struct view v = matrix();

    assert_int_equal(view_count(&v), 12);
    assert_int_equal(view_span(&v), 48);
    check(&v, 0, 12, NUMBERS);
    check(&v, 5, 4, NUMBERS + 5);
}

static void a_transposed_matrix_is_read_by_columns(void **state)
{
    (void)state;
    struct view m = matrix(), v = view_transpose(&m);

    assert_true(view_has_shape(&v, 2, (int64_t[]){ 4, 3 }));
    assert_false(view_has_shape(&v, 2, (int64_t[]){ 3, 4 }));
    check(&v, 0, 12, (float[]){ 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11 });
    check(&v, 4, 5, (float[]){ 5, 9, 2, 6, 10 });
    assert_int_equal(view_span(&v), 48);
}

static void rows_of_either(void **state)
{
    (void)state;
    struct view m = matrix(), t = view_transpose(&m);
    struct view rows = view_rows(&m, 1, 2), columns = view_rows(&t, 2, 1);

    check(&rows, 0, 8, NUMBERS + 4);
    check(&columns, 0, 3, (float[]){ 2, 6, 10 });
}

static void dimensions_of_one_at_the_end_fall_off(void **state)
{
    (void)state;
    struct view v = view_of(W_F32, 4, (int64_t[]){ 1, 12, 1, 1 }, NUMBERS), s = view_squeeze(&v);

    assert_true(view_has_shape(&s, 2, (int64_t[]){ 1, 12 }));
    check(&s, 0, 12, NUMBERS);
}

static void whole_numbers_are_read_as_doubles(void **state)
{
    (void)state;
    static const int64_t whole[] = { -1, (int64_t)1 << 40 };
    static const signed char narrow[] = { -3, 127 };
    struct view v = view_of(W_I64, 1, (int64_t[]){ 2 }, whole);
    struct view w = view_of(W_I8, 1, (int64_t[]){ 2 }, narrow);
    double got[2];

    view_read_f64(&v, 0, 2, got);
    assert_float_equal(got[0], -1, 0);
    assert_float_equal(got[1], 1099511627776.0, 0);
    view_read_f64(&w, 0, 2, got);
    assert_float_equal(got[0], -3, 0);
}

static void shapes_as_words(void **state)
{
    (void)state;
    char text[VIEW_SHAPE_BYTES];

    view_shape(0, NULL, text);
    assert_string_equal(text, "[]");
    view_shape(2, (int64_t[]){ 16384, 256 }, text);
    assert_string_equal(text, "[16384, 256]");
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(a_range_is_read_as_it_lies),
    cmocka_unit_test(a_transposed_matrix_is_read_by_columns),
    cmocka_unit_test(rows_of_either),
    cmocka_unit_test(dimensions_of_one_at_the_end_fall_off),
    cmocka_unit_test(whole_numbers_are_read_as_doubles),
    cmocka_unit_test(shapes_as_words),
};
TEST_MAIN(TESTS)
