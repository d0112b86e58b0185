/*
 * A row (a picture, a sequence) alone gives the same bytes as the same row in company.
 */
#include <string.h>

#include "tests/kernels/run.h"
#include "tests/test.h"

#define ROWS_LOOKED_AT 8 /* about; of large batches */

/* Inputs of row b alone. */
static void row_inputs(const struct kernel_case *k, const struct array *in, int64_t b,
                       struct array *ret)
{
    memset(ret, 0, CASE_INPUTS_MAX * sizeof *ret);
    for (int i = 0; i < CASE_INPUTS_MAX; i++) {
        if (in[i].v && k->in[i].batched)
            array_row(&ret[i], &in[i], b);
        else if (in[i].v)
            array_copy(&ret[i], &in[i]);
    }
}

static void expect_row(const struct kernel_case *k, const char *isa, const struct array *all,
                       int64_t b, const struct array *alone)
{
    int64_t n = array_count(alone);

    assert_int_equal(array_count(all), n * case_rows(k));
    if (memcmp(alone->v, all->v + b * n, (size_t)n * sizeof *alone->v))
        fail_msg("%s, %s: row %lld alone has other bytes than in company", k->name, isa,
                 (long long)b);
}

static void check_rows(struct runner *r, const struct kernel_case *k, const struct array *in)
{
    struct result all;
    int64_t rows = case_rows(k);

    runner_run(r, k, in, RUN_FORWARD, &all);
    for (int64_t b = 0; b < rows; b += 1 + rows / ROWS_LOOKED_AT) {
        struct array one[CASE_INPUTS_MAX];
        struct result alone;
        row_inputs(k, in, b, one);
        runner_run(r, k, one, RUN_FORWARD, &alone);
        expect_row(k, r->name, &all.out[0], b, &alone.out[0]);
        result_release(&alone);
        for (int i = 0; i < CASE_INPUTS_MAX; i++)
            array_release(&one[i]);
    }
    result_release(&all);
}

static void check_row(void **state)
{
    const struct row_test *t = *state;
    struct array in[CASE_INPUTS_MAX];

    if (!case_rows(t->k))
        return;
    case_inputs(t->k, in);
    for (int r = 0; r < t->n; r++)
        check_rows(&t->runner[r], t->k, in);
    for (int i = 0; i < CASE_INPUTS_MAX; i++)
        array_release(&in[i]);
}

int main(int argc, char **argv)
{
    return run_rows(argc, argv, check_row);
}
