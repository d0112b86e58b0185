/*
 * The tape's gradient of every row against central differences of the double reference, at some
 * elements of every input, for a random cotangent. And: recording does not change the value, and
 * adjoints add.
 */
#include <math.h>

#include "tests/kernels/run.h"
#include "tests/test.h"

#define ELEMENTS 16 /* of each input */
#define STEP                                                                                       \
    1e-4 /* or of an input's range, if that is less than 1; curvature leaves its square            \
          */

/* Sum of cotangent(i) out[i]. */
static double reduced(const struct kernel_case *k, const struct array *in)
{
    struct array out[CASE_OUTPUTS_MAX] = { { 0 } };
    double sum = 0;

    (k->grad_ref ? k->grad_ref : k->ref)(k, in, out);
    for (int64_t i = 0; i < array_count(&out[0]); i++)
        sum += (float)cotangent(i) * out[0].v[i];
    for (int o = 0; o < CASE_OUTPUTS_MAX; o++)
        array_release(&out[o]);
    return sum;
}

static double difference(const struct kernel_case *k, struct array *in, int input, int64_t at)
{
    double x = in[input].v[at], step = STEP * fmin(1, k->in[input].hi - k->in[input].lo);

    in[input].v[at] = x + step;
    double up = reduced(k, in);
    in[input].v[at] = x - step;
    double down = reduced(k, in);
    in[input].v[at] = x;
    return (up - down) / (2 * step);
}

/* The elements that are looked at: spread over the input, first and last among them. */
static int64_t element_at(int64_t count, int e)
{
    return count <= ELEMENTS ? e : e * (count - 1) / (ELEMENTS - 1);
}

static int elements_of(const struct array *a)
{
    int64_t n = array_count(a);

    return n < ELEMENTS ? (int)n : ELEMENTS;
}

static bool differentiable(const struct kernel_case *k, const struct array *in, int i)
{
    return in[i].v && in[i].dtype == DTYPE_F32 && !k->in[i].frozen && !k->in[i].inout;
}

struct differences {
    double d[CASE_INPUTS_MAX][ELEMENTS];
    double largest[CASE_INPUTS_MAX];
    double largest_of_all;
};

static void find_differences(const struct kernel_case *k, struct array *in, struct differences *ret)
{
    *ret = (struct differences){ 0 };
    for (int i = 0; i < CASE_INPUTS_MAX; i++) {
        if (!differentiable(k, in, i))
            continue;
        for (int e = 0; e < elements_of(&in[i]); e++) {
            ret->d[i][e] = difference(k, in, i, element_at(array_count(&in[i]), e));
            ret->largest[i] = fmax(ret->largest[i], fabs(ret->d[i][e]));
        }
        ret->largest_of_all = fmax(ret->largest_of_all, ret->largest[i]);
    }
}

/* Against the largest of the input's differences; when all are near zero, of all inputs'. */
static void expect_gradient(const struct kernel_case *k, const char *isa, int i,
                            const struct array *grad, const struct differences *want)
{
    double scale = fmax(want->largest[i], 1e-2 * want->largest_of_all);

    if (!grad->v)
        fail_msg("%s, %s: input %d got no gradient", k->name, isa, i);
    for (int e = 0; e < elements_of(grad); e++) {
        int64_t at = element_at(array_count(grad), e);
        double error = fabs(grad->v[at] - want->d[i][e]) / scale;
        if (!(error <= k->grad_tol))
            fail_msg("%s, %s: gradient of input %d at %lld is %.9g, differences say %.9g: off by "
                     "%.3g of the largest, allowed %.3g (%s)",
                     k->name, isa, i, (long long)at, grad->v[at], want->d[i][e], error, k->grad_tol,
                     k->why);
    }
}

static void expect_value_unchanged(struct runner *r, const struct kernel_case *k,
                                   const struct array *in, const struct result *taped)
{
    struct result plain;

    runner_run(r, k, in, RUN_FORWARD, &plain);
    for (int o = 0; o < CASE_OUTPUTS_MAX; o++)
        if (!array_same(&plain.out[o], &taped->out[o]))
            fail_msg("%s, %s: output %d has other bytes on tape", k->name, r->name, o);
    result_release(&plain);
}

/* Adjoints add to what is there. */
static void expect_added(struct runner *r, const struct kernel_case *k, const struct array *in,
                         const struct result *fresh)
{
    struct result added;

    runner_run(r, k, in, RUN_BACK_ONTO, &added);
    for (int i = 0; i < CASE_INPUTS_MAX; i++) {
        for (int64_t j = 0; fresh->grad[i].v && j < array_count(&fresh->grad[i]); j++)
            fresh->grad[i].v[j] += 1;
        if (fresh->grad[i].v && !(array_error(&added.grad[i], &fresh->grad[i]) <= k->grad_tol))
            fail_msg("%s, %s: gradient of input %d was not added to", k->name, r->name, i);
    }
    result_release(&added);
}

static void check_row(void **state)
{
    const struct row_test *t = *state;
    const struct kernel_case *k = t->k;
    struct array in[CASE_INPUTS_MAX];
    struct differences want;

    if (!case_has_grad(k))
        return;
    case_inputs(k, in);
    find_differences(k, in, &want);
    for (int r = 0; r < t->n; r++) {
        struct result result;
        runner_run(&t->runner[r], k, in, RUN_BACK, &result);
        for (int i = 0; i < CASE_INPUTS_MAX; i++)
            if (differentiable(k, in, i))
                expect_gradient(k, t->runner[r].name, i, &result.grad[i], &want);
        expect_value_unchanged(&t->runner[r], k, in, &result);
        expect_added(&t->runner[r], k, in, &result);
        result_release(&result);
    }
    for (int i = 0; i < CASE_INPUTS_MAX; i++)
        array_release(&in[i]);
}

int main(int argc, char **argv)
{
    return run_rows(argc, argv, check_row);
}
