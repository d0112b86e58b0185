/*
 * THE list of ops: one row an op and shape. Every row is compared with a slow reference in double,
 * its gradient with finite differences of that reference, its bytes with those of other thread
 * counts and of the same row in other company, and the memory around its operands is watched.
 *
 * A new op wants a reference in ref.c and a row in cases.c, nothing else.
 */
#ifndef TESTS_KERNELS_CASES_H
#define TESTS_KERNELS_CASES_H

#include "kernels/pass.h"
#include "tests/kernels/array.h"

#define CASE_INPUTS_MAX 9
#define CASE_OUTPUTS_MAX 3
#define CASE_SEED 20240607u /* of the pass, for dropout and noise */

/* An input: elements are uniform in [lo, hi] (whole numbers unless F32), or those listed. */
struct operand {
    enum dtype dtype;
    int n_dims;
    int64_t dim[TENSOR_DIMS_MAX];
    double lo, hi;
    const double *values;
    bool batched; /* its first dimension counts rows that must not know of each other */
    bool frozen;  /* no gradient */
    bool inout;   /* the op writes it; frozen, too */
};

struct kernel_case {
    const char *name;
    /* Runs the op; out[0] is the one with a gradient. Absent inputs are NULL. */
    void (*build)(struct pass *p, const struct kernel_case *k, struct tensor *const *in,
                  struct tensor **out);
    void (*ref)(const struct kernel_case *k, const struct array *in, struct array *out);
    /* Its differences are the gradient, where the value's are not (straight-through). */
    void (*grad_ref)(const struct kernel_case *k, const struct array *in, struct array *out);
    struct operand in[CASE_INPUTS_MAX];
    int64_t i[6]; /* the op's own numbers */
    double f[6];
    /* Largest error over the largest value, forward and gradient, and why it is not smaller. */
    double tol, grad_tol;
    const char *why;
    bool training; /* of the pass */
};

extern const struct kernel_case KERNEL_CASES[];
extern const int KERNEL_CASES_N;

/* Whether the row has a gradient to check. */
bool case_has_grad(const struct kernel_case *k);
/* How many rows its batched inputs have; 0: none is. */
int64_t case_rows(const struct kernel_case *k);
/* Fills in[CASE_INPUTS_MAX] by the row's rules; the caller releases them. */
void case_inputs(const struct kernel_case *k, struct array *in);

#endif
