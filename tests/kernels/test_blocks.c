/*
 * Blocks as files have them: their bytes, and that a device takes a stored matrix as it takes the
 * numbers that it was rounded from, on every instruction set.
 */
#include "kernels/blocks.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kernels/device.h"
#include "tests/test.h"

#define N 70
#define BLOCKS 3
#define K (BLOCKS * BLOCK_NUMBERS)

static const enum dtype STORED[] = { DTYPE_Q8_0, DTYPE_Q4_0 };

/* ---- bytes ---- */

static void bytes_are_those_of_ggml(void **state)
{
    float x[BLOCK_NUMBERS] = { 0 };
    struct q8_0 wide;
    struct q4_0 narrow;

    (void)state;
    x[0] = -254; /* the scale is 2 */
    x[1] = 3;    /* 1.5, to the even neighbour */
    x[2] = 5;    /* 2.5 */
    x[31] = 253.9f;
    blocks_round(DTYPE_Q8_0, x, 1, &wide);
    assert_int_equal(wide.scale, 0x4000);
    assert_int_equal(wide.q[0], -127);
    assert_int_equal(wide.q[1], 2);
    assert_int_equal(wide.q[2], 2);
    assert_int_equal(wide.q[3], 0);
    assert_int_equal(wide.q[31], 127);

    x[0] = -16;
    x[16] = 13; /* 6.5 */
    x[31] = 15; /* 7.5: 8 is one too many */
    blocks_round(DTYPE_Q4_0, x, 1, &narrow);
    assert_int_equal(narrow.scale, 0x4000);
    assert_int_equal(narrow.q[0], 0 | (6 + 8) << 4);
    assert_int_equal(narrow.q[1], (2 + 8) | 8 << 4);
    assert_int_equal(narrow.q[15], 8 | (7 + 8) << 4);

    x[0] = 16; /* the number of largest magnitude is -8 scales, whatever its sign */
    blocks_round(DTYPE_Q4_0, x, 1, &narrow);
    assert_int_equal(narrow.scale, 0xc000);
    assert_int_equal(narrow.q[0] & 15, 0);
}

static void zeros_are_zeros(void **state)
{
    float x[BLOCK_NUMBERS] = { 0 }, back[BLOCK_NUMBERS];
    char block[sizeof(struct q8_0)];

    (void)state;
    for (int f = 0; f < 2; f++) {
        blocks_round(STORED[f], x, 1, block);
        blocks_read(STORED[f], block, 0, BLOCK_NUMBERS, back);
        for (int i = 0; i < BLOCK_NUMBERS; i++)
            assert_true(back[i] == 0);
    }
}

static void sizes(void **state)
{
    (void)state;
    assert_int_equal(blocks_bytes(DTYPE_Q8_0), 34);
    assert_int_equal(blocks_bytes(DTYPE_Q4_0), 18);
    assert_int_equal(blocks_bytes(DTYPE_F32), 0);
    assert_int_equal(blocks_bytes((enum dtype)99), 0);
}

/* ---- a matrix ---- */

/* Rows [N, K] whose blocks are of every size that F16 scales can have, down to its subnormal ones.
 */
static void fill(float *x)
{
    for (int64_t i = 0; i < N * K; i++)
        x[i] = ldexpf(rng_normal_at(7, 0, (uint64_t)i), (int)(i / BLOCK_NUMBERS % 36) - 20);
}

struct matrix {
    float x[N * K], back[N * K];
    unsigned char blocks[N * BLOCKS * sizeof(struct q8_0) + 1], *at; /* at an odd address */
};

static struct matrix *stored(enum dtype t)
{
    struct matrix *m = mem_alloc(1, sizeof *m);

    assert_non_null(m);
    fill(m->x);
    m->at = m->blocks + 1;
    blocks_round(t, m->x, N * BLOCKS, m->at);
    blocks_read(t, m->at, 0, N * K, m->back);
    return m;
}

/* Blocks that were read and rounded again may be others: a device that did so would be seen. */
static void rounding_again_is_no_identity(void **state)
{
    struct matrix *m = stored(DTYPE_Q8_0);
    unsigned char again[sizeof m->blocks];

    (void)state;
    blocks_round(DTYPE_Q8_0, m->back, N * BLOCKS, again);
    assert_memory_not_equal(m->at, again, N * BLOCKS * sizeof(struct q8_0));
    mem_free(m);
}

static void numbers_are_near(void **state)
{
    static const float STEPS[] = { 127, 8 }; /* of the largest magnitude; Q4_0 ends at 7 of 8 */

    (void)state;
    for (int f = 0; f < 2; f++) {
        struct matrix *m = stored(STORED[f]);
        for (int b = 0; b < N * BLOCKS; b++) {
            /* half a step, a whole one at Q4_0's end; and what an F16 scale is rounded by at most
             */
            float top = fabsf(block_extreme(m->x + b * BLOCK_NUMBERS));
            float step = top / STEPS[f], allowed = (f ? 1.01f : 0.6f) * step + STEPS[f] * 0x1p-25f;
            for (int i = b * BLOCK_NUMBERS; i < (b + 1) * BLOCK_NUMBERS; i++)
                if (fabsf(m->back[i] - m->x[i]) > allowed)
                    fail_msg("%s: %g became %g in a block up to %g", dtype_name(STORED[f]),
                             (double)m->x[i], (double)m->back[i], (double)top);
        }
        mem_free(m);
    }
}

static void any_range_is_read(void **state)
{
    static const size_t RANGES[][2] = { { 0, 1 }, { 31, 2 }, { 5, 60 }, { 33, 31 }, { 95, 0 } };
    float part[64];

    (void)state;
    for (int f = 0; f < 2; f++) {
        struct matrix *m = stored(STORED[f]);
        for (size_t i = 0; i < sizeof RANGES / sizeof *RANGES; i++) {
            blocks_read(STORED[f], m->at, RANGES[i][0], RANGES[i][1], part);
            assert_memory_equal(part, m->back + RANGES[i][0], RANGES[i][1] * sizeof *part);
        }
        mem_free(m);
    }
}

/* ---- on a device ---- */

/* Bytes of the matrix in a format, packed of rows of a type; mem_free. */
static char *pack(struct device *d, enum dtype format, enum dtype type, const void *rows,
                  size_t *ret_bytes)
{
    struct tensor w;
    struct err e;
    char *bytes;

    if (device_packed(d, format, N, K, &w, &e) || device_alloc(d, tensor_bytes(&w), &w.data, &e) ||
        device_pack(d, &w, type, rows, &e))
        fail_msg("%s", e.msg);
    *ret_bytes = tensor_bytes(&w);
    bytes = mem_alloc(*ret_bytes, 1);
    assert_int_equal(device_download(d, &w, 0, bytes, *ret_bytes, &e), 0);
    device_free(d, w.data);
    return bytes;
}

static void check_packs_alike(struct device *d, enum dtype format, enum dtype type,
                              const void *rows, const float *same)
{
    size_t n, m;
    char *got = pack(d, format, type, rows, &n), *want = pack(d, format, DTYPE_F32, same, &m);

    assert_int_equal(n, m);
    assert_memory_equal(got, want, n);
    mem_free(got);
    mem_free(want);
}

/* Blocks of the format are moved: as if the first numbers were rounded. Other formats take the
 * numbers that the blocks are now. */
static void check_formats(struct device *d)
{
    static const enum dtype FORMATS[] = { DTYPE_F32, DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_0 };

    for (int s = 0; s < 2; s++) {
        struct matrix *m = stored(STORED[s]);
        for (int f = 0; f < 4; f++)
            check_packs_alike(d, FORMATS[f], STORED[s], m->at,
                              FORMATS[f] == STORED[s] ? m->x : m->back);
        mem_free(m);
    }
}

static void devices_take_them(void **state)
{
    static const char *const ISAS[] = { "base", "avx2", "avx512" };
    struct device *d;
    struct err e;

    (void)state;
    for (int i = 0; i < 3; i++) {
        setenv("CLIPGEN_CPU_ISA", ISAS[i], 1);
        if (device_open(test_backend(), 1 + i, &d, &e)) {
            print_message("%s: not tested: %s\n", ISAS[i], e.msg);
            continue;
        }
        check_formats(d);
        device_close(d);
    }
    unsetenv("CLIPGEN_CPU_ISA");
}

static void refusals(void **state)
{
    struct matrix *m = stored(DTYPE_Q8_0);
    struct device *d;
    struct tensor w, odd;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(device_open(test_backend(), 2, &d, &e), 0);
    assert_int_equal(device_packed(d, DTYPE_Q8_0, N, K, &w, &e), 0);
    assert_int_equal(device_packed(d, DTYPE_Q8_0, N, K - 1, &odd, &e), 0);
    assert_int_equal(device_alloc(d, tensor_bytes(&w), &w.data, &e), 0);
    odd.data = w.data;
    assert_int_equal(device_pack(d, &odd, DTYPE_Q8_0, m->at, &e), -1);
    assert_err(&e, ERR_INTERNAL, "pack: rows of 95 numbers are not whole blocks of 32");
    m->at[((41 * BLOCKS) + 2) * 34 + 1] = 0xfc; /* a scale of -infinity in row 41 */
    m->at[50 * BLOCKS * 34 + 1] = 0x7e;         /* and one that is no number */
    assert_int_equal(device_pack(d, &w, DTYPE_Q8_0, m->at, &e), -1);
    assert_err(&e, ERR_FORMAT, "row 41 holds a number beyond what q8_0 can hold, +-8.31901e+06");
    device_free(d, w.data);
    device_close(d);
    mem_free(m);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(bytes_are_those_of_ggml),
    cmocka_unit_test(zeros_are_zeros),
    cmocka_unit_test(sizes),
    cmocka_unit_test(rounding_again_is_no_identity),
    cmocka_unit_test(numbers_are_near),
    cmocka_unit_test(any_range_is_read),
    cmocka_unit_test(devices_take_them),
    cmocka_unit_test(refusals),
};
TEST_MAIN(TESTS)
