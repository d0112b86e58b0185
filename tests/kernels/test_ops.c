/*
 * Every row of the list on every instruction set: close to the reference, and the same bytes
 * whatever the number of threads.
 */
#include "tests/kernels/run.h"
#include "tests/test.h"

static void expect_close(const struct kernel_case *k, const char *isa, const struct array *got,
                         const struct array *want, int i)
{
    double error = array_error(got, want);

    if (!(error <= k->tol))
        fail_msg("%s, %s: output %d is off by %.3g of its largest value, allowed %.3g (%s)",
                 k->name, isa, i, error, k->tol, k->why);
}

static void expect_threads_agree(struct runner *r, const struct kernel_case *k,
                                 const struct array *in, const struct result *alone)
{
    for (int threads = 2; threads <= 3; threads++) {
        struct result result;
        char what[160];
        device_set_threads(r->dev, threads);
        runner_run(r, k, in, case_has_grad(k) ? RUN_BACK : RUN_FORWARD, &result);
        snprintf(what, sizeof what, "%s, %s, %d threads", k->name, r->name, threads);
        result_expect_same(&result, alone, what);
        result_release(&result);
    }
    device_set_threads(r->dev, 1);
}

static void check_row(void **state)
{
    const struct row_test *t = *state;
    const struct kernel_case *k = t->k;
    struct array in[CASE_INPUTS_MAX], want[CASE_OUTPUTS_MAX] = { { 0 } };

    case_inputs(k, in);
    k->ref(k, in, want);
    for (int i = 0; i < t->n; i++) {
        struct result result;
        runner_run(&t->runner[i], k, in, case_has_grad(k) ? RUN_BACK : RUN_FORWARD, &result);
        for (int o = 0; o < CASE_OUTPUTS_MAX; o++)
            if (want[o].v)
                expect_close(k, t->runner[i].name, &result.out[o], &want[o], o);
        expect_threads_agree(&t->runner[i], k, in, &result);
        result_release(&result);
    }
    for (int i = 0; i < CASE_INPUTS_MAX; i++)
        array_release(&in[i]);
    for (int o = 0; o < CASE_OUTPUTS_MAX; o++)
        array_release(&want[o]);
}

int main(int argc, char **argv)
{
    return run_rows(argc, argv, check_row);
}
