/*
 * Runs rows of the list on a device. Memory starts as 0xff bytes, NaN as fp32, so that what a
 * kernel forgets to write, or reads beside its operands, shows in the result.
 */
#ifndef TESTS_KERNELS_RUN_H
#define TESTS_KERNELS_RUN_H

#include "kernels/arena.h"
#include "kernels/tape.h"
#include "tests/kernels/cases.h"

#define RUNNERS_MAX 5

struct runner {
    const char *name; /* instruction set, or backend */
    struct device *dev;
    struct arena arena;
    struct tape *tape;
};

/* On a device of its own; -1 after saying why there is none. */
int runner_open(struct runner *r, const char *backend, const char *name);
/* One for each instruction set that this build and machine have, or one for a test_backend() that
 * is not the CPU; says which they have not. */
int runners_open(struct runner *r);
void runners_close(struct runner *r, int n);

struct result {
    struct array out[CASE_OUTPUTS_MAX];
    struct array in[CASE_INPUTS_MAX];   /* as they are afterwards */
    struct array grad[CASE_INPUTS_MAX]; /* of the sum of cotangent(i) out[0][i] */
};

double cotangent(int64_t i);

enum run_mode {
    RUN_FORWARD,   /* no tape: inference */
    RUN_BACK,      /* on tape, and back to gradients that do not exist yet */
    RUN_BACK_ONTO, /* to gradients that are all 1 before */
};

/* The test fails when the pass does. The arena keeps the run's tensors until the next. */
void runner_run(struct runner *r, const struct kernel_case *k, const struct array *in,
                enum run_mode mode, struct result *ret);
void result_release(struct result *result);
/* Fails the test when the bytes of outputs or gradients differ. */
void result_expect_same(const struct result *a, const struct result *b, const char *what);

/* A cmocka program of one test a row: f gets the row and every runner. */
struct row_test {
    const struct kernel_case *k;
    struct runner *runner;
    int n;
};
int run_rows(int argc, char **argv, void (*f)(void **state));

#endif
