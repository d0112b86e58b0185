/*
 * Every row of the list by the CUDA plugin against the CPU backend: outputs and gradients. And the
 * same bytes in whatever order blocks and threads run, as far as the plugin lets that be chosen
 * (tests/cuda_host does; a GPU has its own order each time).
 */
#include "tests/cuda_host/plugin.h"
#include "tests/kernels/run.h"
#include "tests/test.h"

/* Sanitizers find the same in any order, and take their time. */
static int n_orders(void)
{
    return getenv("CLIPGEN_TEST_BRIEF") ? 1 : 3;
}

static void expect_close(const struct kernel_case *k, const char *what, int i,
                         const struct array *got, const struct array *want, double tol)
{
    if (!want->v && !got->v)
        return;
    if (!want->v || !got->v)
        fail_msg("%s: %s %d is there on one device only", k->name, what, i);
    double error = array_error(got, want);
    if (!(error <= tol))
        fail_msg("%s: %s %d is off by %.3g of the CPU's largest value, allowed %.3g (%s)", k->name,
                 what, i, error, tol, k->why);
}

static void expect_results_close(const struct kernel_case *k, const struct result *got,
                                 const struct result *want)
{
    for (int i = 0; i < CASE_OUTPUTS_MAX; i++)
        expect_close(k, "output", i, &got->out[i], &want->out[i], k->tol);
    for (int i = 0; i < CASE_INPUTS_MAX; i++)
        expect_close(k, "gradient of input", i, &got->grad[i], &want->grad[i], k->grad_tol);
}

static void set_order(int order)
{
    char seed[16];

    snprintf(seed, sizeof seed, "%d", order);
    setenv("CUDA_HOST_SEED", seed, 1);
}

static void expect_orders_agree(struct runner *r, const struct kernel_case *k,
                                const struct array *in, enum run_mode mode,
                                const struct result *first)
{
    for (int order = 2; order <= n_orders(); order++) {
        struct result result;
        char what[160];
        set_order(order);
        runner_run(r, k, in, mode, &result);
        snprintf(what, sizeof what, "%s, order %d", k->name, order);
        result_expect_same(&result, first, what);
        result_release(&result);
    }
}

static void check_row(void **state)
{
    const struct row_test *t = *state;
    const struct kernel_case *k = t->k;
    enum run_mode mode = case_has_grad(k) ? RUN_BACK : RUN_FORWARD;
    struct runner *cuda = &t->runner[0], cpu;
    struct array in[CASE_INPUTS_MAX];
    struct result got, want;

    case_inputs(k, in);
    if (runner_open(&cpu, "cpu", "cpu"))
        fail_msg("no CPU backend");
    runner_run(&cpu, k, in, mode, &want);
    set_order(1);
    runner_run(cuda, k, in, mode, &got);
    expect_results_close(k, &got, &want);
    expect_orders_agree(cuda, k, in, mode, &got);
    result_release(&got);
    result_release(&want);
    for (int i = 0; i < CASE_INPUTS_MAX; i++)
        array_release(&in[i]);
    runners_close(&cpu, 1);
}

int main(int argc, char **argv)
{
    plugin_choose();
    return run_rows(argc, argv, check_row);
}
