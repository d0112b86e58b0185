/*
 * Packed matrices: what they are made of, what they refuse, and that a row's bytes depend neither
 * on its company, nor on threads, nor on how an instruction set multiplies bytes. How close the
 * products are is tested row by row (cases.c).
 */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/mem.h"
#include "tests/kernels/world.h"
#include "tests/test.h"

#define N 70
#define K 100
#define ROWS 65
#define MB ((size_t)1 << 20)

static const enum dtype FORMATS[] = { DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0 };
enum { N_FORMATS = sizeof FORMATS / sizeof *FORMATS };

/* Numbers that bfloat16 and half both have: -31 .. 31 over 16. */
static void fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(i * 37 % 63 - 31) / 16;
}

static struct tensor *planned(struct world *w, enum dtype format)
{
    struct tensor plan;
    struct err e;
    if (device_packed(w->dev, format, N, K, &plan, &e))
        fail_msg("%s", e.msg);
    int64_t bytes = (int64_t)tensor_bytes(&plan);
    struct tensor *t = pass_tensor(&w->p, DTYPE_U8, 1, &bytes);
    assert_non_null(t);
    plan.data = t->data;
    *t = plan;
    return t;
}

/* The matrix of fill() in a format. */
static struct tensor *matrix(struct world *w, enum dtype format)
{
    float rows[N * K];
    struct err e;
    struct tensor *t = planned(w, format);
    fill(rows, N * K);
    if (device_pack(w->dev, t, DTYPE_F32, rows, &e))
        fail_msg("%s", e.msg);
    return t;
}

/* ---- making ---- */

static void rows_of_any_type_give_the_same(void **state)
{
    (void)state;
    struct world world, *w = &world;
    float rows[N * K];
    unsigned char halves[2 * N * K + 1]; /* at an odd address */
    struct err e;

    world_init(w, MB);
    fill(rows, N * K);
    for (int f = 0; f < N_FORMATS; f++)
        for (int bf16 = 0; bf16 < 2; bf16++) {
            struct tensor *t = matrix(w, FORMATS[f]), *other = planned(w, FORMATS[f]);
            for (int i = 0; i < N * K; i++) {
                uint16_t half = bf16 ? half_to_bf16(rows[i]) : half_to_f16(rows[i]);
                memcpy(halves + 1 + 2 * i, &half, sizeof half);
            }
            assert_int_equal(
                device_pack(w->dev, other, bf16 ? DTYPE_BF16 : DTYPE_F16, halves + 1, &e), 0);
            world_check_same(w, t, other);
        }
    world_release(w);
}

static void sizes_are_those_of_the_format(void **state)
{
    /* bytes of 1024 x 4096 numbers: 4, 2, 2, 34/32 and 18/32 each */
    static const size_t BYTES[N_FORMATS] = { 16777216, 8388608, 8388608, 4456448, 2359296 };
    (void)state;
    struct world w;
    struct tensor t;
    struct err e;

    world_init(&w, MB);
    for (int f = 0; f < N_FORMATS; f++) {
        assert_int_equal(device_packed(w.dev, FORMATS[f], 1024, 4096, &t, &e), 0);
        assert_int_equal(tensor_bytes(&t), BYTES[f]);
    }
    world_release(&w);
}

static void expect_no_format(struct world *w, enum dtype format, int64_t n, int64_t k,
                             const char *words)
{
    char whole[128];
    struct tensor t;
    struct err e;

    snprintf(whole, sizeof whole, "%s: no %s", test_backend(), words);
    assert_int_equal(device_packed(w->dev, format, n, k, &t, &e), -1);
    assert_err(&e, ERR_UNSUPPORTED, whole);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct tensor t;
    struct err e;

    world_init(&w, MB);
    expect_no_format(&w, DTYPE_I32, 3, 5, "i32 matrices of 3 x 5");
    expect_no_format(&w, DTYPE_Q8_0, INT64_MAX / 4, 8, "q8_0 matrices of 2305843009213693951 x 8");
    assert_int_equal(device_pack(w.dev, matrix(&w, DTYPE_F16), DTYPE_I32, &t, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_memory_equal(e.msg, "pack: rows of i32, ", 19);
    assert_int_equal(device_pack(w.dev, WORLD_TENSOR(&w, false, 2, 2), DTYPE_F32, &t, &e), -1);
    assert_err(&e, ERR_INTERNAL, "pack: the matrix is a plain one");
    world_release(&w);
}

static void numbers_beyond_a_format_are_refused(void **state)
{
    static const struct {
        enum dtype format;
        float x;
        const char *msg;
    } CASES[] = {
        { DTYPE_F16, 65600, "row 41 holds a number beyond what f16 can hold, +-65504" },
        { DTYPE_F16, NAN, "row 41 holds a number beyond what f16 can hold, +-65504" },
        { DTYPE_BF16, -INFINITY, "row 41 holds a number beyond what bf16 can hold, +-3.38953e+38" },
        { DTYPE_Q8_0, 1e7f, "row 41 holds a number beyond what q8_0 can hold, +-8.31901e+06" },
        { DTYPE_Q8_0, NAN, "row 41 holds a number beyond what q8_0 can hold, +-8.31901e+06" },
        { DTYPE_Q4_0, -1e6f, "row 41 holds a number beyond what q4_0 can hold, +-524032" },
    };
    (void)state;
    struct world w;
    float rows[N * K];

    world_init(&w, MB);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err e = { 0 };
        fill(rows, N * K);
        rows[41 * K + 99] = rows[50 * K] = CASES[i].x;
        assert_int_equal(device_pack(w.dev, planned(&w, CASES[i].format), DTYPE_F32, rows, &e), -1);
        assert_err(&e, ERR_FORMAT, CASES[i].msg);
    }
    world_release(&w);
}

/* ---- using ---- */

static void only_inference_and_only_linear_take_them(void **state)
{
    (void)state;
    struct world world, *w = &world;

    world_init(w, MB);
    struct tensor *m = matrix(w, DTYPE_F32);
    assert_null(op_add(&w->p, m, m));
    assert_string_equal(w->p.err.msg, "op_add: input 1 is packed f32[70, 100], must be f32");
    world_restart(w);
    m = matrix(w, DTYPE_Q8_0);
    assert_null(op_linear(&w->p, WORLD_TENSOR(w, true, 3, K), m, NULL));
    assert_string_equal(w->p.err.msg, "op_linear: f32[3, 100] and packed q8_0[70, 100] do not fit: "
                                      "a packed matrix is for inference, without a tape");
    world_restart(w);
    m = matrix(w, DTYPE_Q8_0);
    assert_null(
        op_linear_add(&w->p, WORLD_TENSOR(w, false, 3, K), m, NULL, WORLD_TENSOR(w, false, 2, N)));
    assert_string_equal(w->p.err.msg,
                        "op_linear_add: f32[2, 70] and packed q8_0[70, 100] do not fit: "
                        "residual [..., O] and w [O, I] must agree in O and rows");
    world_release(w);
}

/* Rows first .. first + n of a fixed x [ROWS, K] times the matrix; [n, N], mem_free. */
static float *product(struct world *w, enum dtype format, int64_t first, int64_t n)
{
    float x[ROWS * K];

    world_restart(w);
    fill(x, ROWS * K);
    struct tensor *in = pass_upload(&w->p, DTYPE_F32, 2, (int64_t[]){ n, K }, x + first * K);
    struct tensor *y = op_linear(&w->p, in, matrix(w, format), NULL);
    world_check(w);
    return world_read(w, y);
}

static void rows_do_not_know_their_company(void **state)
{
    (void)state;
    struct world w;

    world_init(&w, MB);
    for (int f = 0; f < N_FORMATS; f++) {
        float alone[ROWS][N];
        for (int64_t i = 0; i < ROWS; i++) {
            float *one = product(&w, FORMATS[f], i, 1);
            memcpy(alone[i], one, sizeof alone[i]);
            mem_free(one);
        }
        for (int64_t n = 2; n <= ROWS; n++) {
            device_set_threads(w.dev, 1 + (int)(n % 3));
            float *all = product(&w, FORMATS[f], ROWS - n, n);
            assert_memory_equal(all, alone[ROWS - n], (size_t)n * sizeof alone[0]);
            mem_free(all);
        }
    }
    world_release(&w);
}

static void a_nan_stays_in_its_row(void **state)
{
    (void)state;
    struct world world, *w = &world;

    world_init(w, MB);
    for (int f = 0; f < N_FORMATS; f++) {
        float x[3 * K];
        fill(x, 3 * K);
        x[K + 7] = NAN;
        struct tensor *in = pass_upload(&w->p, DTYPE_F32, 2, (int64_t[]){ 3, K }, x);
        struct tensor *y = op_linear(&w->p, in, matrix(w, FORMATS[f]), NULL);
        world_check(w);
        float *got = world_read(w, y);
        for (int j = 0; j < 3 * N; j++)
            assert_int_equal(isnan(got[j]), j / N == 1);
        mem_free(got);
    }
    world_release(w);
}

/* A product on an instruction set; NULL where the machine has it not. */
static float *product_on(const char *isa, enum dtype format)
{
    struct device *d;
    struct world w;
    struct err e;

    setenv("CLIPGEN_CPU_ISA", isa, 1);
    if (device_open("cpu", 1, &d, &e)) {
        print_message("%s: not tested: %s\n", isa, e.msg);
        return NULL;
    }
    device_close(d);
    world_init(&w, MB);
    float *y = product(&w, format, 0, ROWS);
    world_release(&w);
    return y;
}

static void dot_products_of_bytes_are_exact(void **state)
{
    static const char *const PAIRS[][2] = { { "avx2", "avxvnni" }, { "avx512", "avx512vnni" } };
    (void)state;
    int compared = 0;

    for (int i = 0; i < 4; i++) {
        enum dtype format = i % 2 ? DTYPE_Q8_0 : DTYPE_Q4_0;
        float *plain = product_on(PAIRS[i / 2][0], format);
        float *dot = product_on(PAIRS[i / 2][1], format);
        if (plain && dot) {
            assert_memory_equal(plain, dot, ROWS * N * sizeof *plain);
            compared++;
        }
        mem_free(plain);
        mem_free(dot);
    }
    unsetenv("CLIPGEN_CPU_ISA");
    if (!compared) {
        print_message("skipped: no machine instructions for dot products of bytes\n");
        skip();
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(rows_of_any_type_give_the_same),
    cmocka_unit_test(sizes_are_those_of_the_format),
    cmocka_unit_test(what_cannot_be_is_refused),
    cmocka_unit_test(numbers_beyond_a_format_are_refused),
    cmocka_unit_test(only_inference_and_only_linear_take_them),
    cmocka_unit_test(rows_do_not_know_their_company),
    cmocka_unit_test(a_nan_stays_in_its_row),
    cmocka_unit_test(dot_products_of_bytes_are_exact),
};
TEST_MAIN(TESTS)
