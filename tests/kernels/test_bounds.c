/*
 * No row writes outside its outputs, nor into its inputs, forward or back. Links another arena than
 * the programs do: guard_arena.c.
 */
#include "tests/kernels/guard_arena.h"
#include "tests/kernels/run.h"
#include "tests/test.h"

static void check_memory(struct runner *r, const struct kernel_case *k, const struct array *in)
{
    struct result result;
    char where[256];

    runner_run(r, k, in, case_has_grad(k) ? RUN_BACK : RUN_FORWARD, &result);
    if (!guard_intact(&r->arena, where, sizeof where))
        fail_msg("%s, %s: wrote %s", k->name, r->name, where);
    for (int i = 0; i < CASE_INPUTS_MAX; i++)
        if (in[i].v && !k->in[i].inout && !array_same(&result.in[i], &in[i]))
            fail_msg("%s, %s: input %d was changed", k->name, r->name, i);
    result_release(&result);
}

static void check_row(void **state)
{
    const struct row_test *t = *state;
    struct array in[CASE_INPUTS_MAX];

    case_inputs(t->k, in);
    for (int r = 0; r < t->n; r++) {
        check_memory(&t->runner[r], t->k, in);
        device_set_threads(t->runner[r].dev, 2);
        check_memory(&t->runner[r], t->k, in);
        device_set_threads(t->runner[r].dev, 1);
    }
    for (int i = 0; i < CASE_INPUTS_MAX; i++)
        array_release(&in[i]);
}

int main(int argc, char **argv)
{
    return run_rows(argc, argv, check_row);
}
