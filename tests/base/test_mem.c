/*
 * Allocation: zeroed, aligned, checked, and failing on request. buf, which grows on it.
 */
#include "tests/test.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static int release_failure(void **state)
{
    (void)state;
    mem_fail_after(0);
    return 0;
}

static void test_alloc(void **state)
{
    static const unsigned char ZEROS[1000];

    (void)state;
    for (size_t n = 0; n <= sizeof ZEROS; n += 37) {
        unsigned char *p = mem_alloc(n, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        assert_memory_equal(p, ZEROS, n);
        memset(p, 0xff, n); /* so that the next block is not zero by luck */
        mem_free(p);
    }
    mem_free(NULL);
}

static void test_alloc_overflow(void **state)
{
    (void)state;
    assert_null(mem_alloc(SIZE_MAX, 2));
    assert_null(mem_alloc(SIZE_MAX / 2 + 1, 2));
    assert_null(mem_resize(NULL, SIZE_MAX, 8));
}

static void test_resize(void **state)
{
    int *p = mem_resize(NULL, 2, sizeof *p);

    (void)state;
    p[0] = 7;
    p[1] = 8;
    p = mem_resize(p, 10000, sizeof *p);
    assert_int_equal(p[0], 7);
    assert_int_equal(p[1], 8);
    p = mem_resize(p, 1, sizeof *p);
    assert_int_equal(p[0], 7);
    mem_free(p);
}

/* An array that grows to n elements moves a few times only, and keeps what is in it. */
static void test_grow(void **state)
{
    size_t cap = 0, moves = 0;
    int *p = NULL;

    (void)state;
    for (size_t n = 0; n < 10000; n++) {
        size_t before = cap;
        int *grown = mem_grow(p, n, &cap, sizeof *p);
        assert_non_null(grown);
        assert_true(n < cap);
        moves += cap != before;
        p = grown;
        p[n] = (int)n;
    }
    for (int n = 0; n < 10000; n++)
        assert_int_equal(p[n], n);
    assert_true(moves < 10);
    mem_free(p);
}

static void test_grow_fails(void **state)
{
    int one = 7, *p = &one;
    size_t cap = SIZE_MAX / 2 + 1;

    (void)state;
    assert_null(mem_grow(p, cap, &cap, 1)); /* twice as many cannot be counted */
    assert_int_equal(cap, SIZE_MAX / 2 + 1);
    cap = SIZE_MAX / 4;
    assert_null(mem_grow(p, cap, &cap, 8)); /* nor their bytes */
    assert_int_equal(cap, SIZE_MAX / 4);

    cap = 0;
    p = mem_grow(NULL, 0, &cap, sizeof *p);
    p[cap - 1] = 7;
    mem_fail_after(1);
    assert_ptr_equal(mem_grow(p, cap - 1, &cap, sizeof *p), p); /* there is room */
    assert_null(mem_grow(p, cap, &cap, sizeof *p));
    mem_fail_after(0);
    assert_int_equal(p[cap - 1], 7); /* the old block was still valid */
    mem_free(p);
}

static void test_strings(void **state)
{
    char *a = mem_strdup("cat"), *b = mem_strndup("cat", 2), *c = mem_strndup("cat", 100);

    (void)state;
    assert_string_equal(a, "cat");
    assert_string_equal(b, "ca");
    assert_string_equal(c, "cat");
    mem_free(a);
    mem_free(b);
    mem_free(c);
}

static void test_fail_after(void **state)
{
    void *first, *second;

    (void)state;
    mem_fail_after(3);
    first = mem_alloc(1, 1);
    second = mem_resize(NULL, 1, 1);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(mem_alloc(1, 1));
    assert_null(mem_strdup("every later one too"));
    assert_null(mem_resize(first, 2, 1));
    mem_fail_after(0);
    first = mem_resize(first, 2, 1); /* the old block was still valid */
    assert_non_null(first);
    mem_free(first);
    mem_free(second);
}

static void test_fail_once(void **state)
{
    void *first, *third;

    (void)state;
    mem_fail_once(2);
    first = mem_alloc(1, 1);
    assert_false(mem_has_failed());
    assert_null(mem_alloc(1, 1));
    assert_true(mem_has_failed());
    third = mem_alloc(1, 1);
    assert_non_null(first);
    assert_non_null(third);
    mem_fail_once(0);
    assert_false(mem_has_failed());
    mem_free(first);
    mem_free(third);
}

static void test_buf_grows(void **state)
{
    struct buf b;
    struct err e;
    size_t n;
    char *data;

    (void)state;
    buf_init(&b, 1 << 20);
    assert_null(b.data);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i);
    buf_puts(&b, "end");
    assert_int_equal(buf_check(&b, &e), 0);
    assert_memory_equal(b.data, "0,1,2,3,", 8);
    assert_string_equal(b.data + b.len - 7, "999,end");
    data = buf_take(&b, &n);
    assert_int_equal(n, strlen(data));
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    mem_free(data);
}

static void test_buf_limit(void **state)
{
    struct buf b;
    struct err e = { 0 };

    (void)state;
    buf_init(&b, 10);
    buf_append(&b, "0123456789", 10);
    assert_int_equal(buf_check(&b, &e), 0);
    buf_puts(&b, "x");
    assert_int_equal(buf_check(&b, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, "more than 10 bytes");
    buf_puts(&b, ""); /* sticky, even where it would fit */
    assert_null(buf_grow(&b, 0));
    assert_int_equal(b.len, 10);
    assert_string_equal(b.data, "0123456789");
    buf_clear(&b);
    buf_printf(&b, "%s", "again");
    assert_int_equal(buf_check(&b, &e), 0);
    assert_string_equal(b.data, "again");
    buf_release(&b);
}

static void test_buf_absurd_size(void **state)
{
    struct buf b;
    struct err e = { 0 };

    (void)state;
    buf_init(&b, SIZE_MAX);
    buf_puts(&b, "x");
    assert_null(buf_grow(&b, SIZE_MAX - 1));
    assert_int_equal(buf_check(&b, &e), -1);
    assert_int_equal(e.code, ERR_TOO_LARGE);
    buf_release(&b);
}

static void test_buf_out_of_memory(void **state)
{
    struct buf b;
    struct err e = { 0 };

    (void)state;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "kept");
    mem_fail_after(1);
    assert_null(buf_grow(&b, 4096));
    mem_fail_after(0);
    buf_puts(&b, "lost");
    assert_int_equal(buf_check(&b, &e), -1);
    assert_err(&e, ERR_NOMEM, "out of memory after 4 bytes");
    assert_string_equal(b.data, "kept");
    buf_release(&b);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_alloc),
    cmocka_unit_test(test_alloc_overflow),
    cmocka_unit_test(test_resize),
    cmocka_unit_test(test_grow),
    cmocka_unit_test_teardown(test_grow_fails, release_failure),
    cmocka_unit_test(test_strings),
    cmocka_unit_test_teardown(test_fail_after, release_failure),
    cmocka_unit_test_teardown(test_fail_once, release_failure),
    cmocka_unit_test(test_buf_grows),
    cmocka_unit_test(test_buf_limit),
    cmocka_unit_test(test_buf_absurd_size),
    cmocka_unit_test_teardown(test_buf_out_of_memory, release_failure),
};

TEST_MAIN(TESTS)
