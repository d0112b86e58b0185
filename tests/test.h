/*
 * What every cmocka program of ours includes: cmocka with the headers that it wants first, and the
 * main function of a test program: all tests, or those whose name contains argv[1].
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"

/* The source tree, for tests/data and models; set by `make check`, the present folder otherwise. */
static inline const char *test_srcdir(void)
{
    const char *dir = getenv("SRCDIR");
    return dir ? dir : ".";
}

/* The backend that tests of kernels and networks ask: the CPU's, unless CLIPGEN_TEST_BACKEND names
 * another, as tests/cuda_host/networks.sh and `make check-gpu` do. */
static inline const char *test_backend(void)
{
    const char *name = getenv("CLIPGEN_TEST_BACKEND");
    return name ? name : "cpu";
}

/* e is an error of ours, word for word. */
#define assert_err(e, want_code, want_msg)                                                         \
    do {                                                                                           \
        assert_string_equal((e)->msg, want_msg);                                                   \
        assert_int_equal((e)->code, want_code);                                                    \
    } while (0)

#define TEST_MAIN_WITH(tests, before_all, after_all)                                               \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        char pattern[256];                                                                         \
        if (argc > 1) {                                                                            \
            snprintf(pattern, sizeof pattern, "*%s*", argv[1]);                                    \
            cmocka_set_test_filter(pattern);                                                       \
        }                                                                                          \
        return cmocka_run_group_tests(tests, before_all, after_all);                               \
    }

#define TEST_MAIN(tests) TEST_MAIN_WITH(tests, NULL, NULL)

#endif
