/*
 * Reference: products with packed matrices. Each format rounds the matrix as kernels/tensor.h says;
 * with whole numbers, rows of x are rounded as well. What is left is ref_linear.
 */
#include <math.h>

#include "base/half.h"
#include "tests/kernels/ref.h"

#define BLOCK 32

static double as_f16(double x)
{
    return half_from_f16(half_to_f16((float)x));
}

static double as_bf16(double x)
{
    return half_from_bf16(half_to_bf16((float)x));
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* The number of largest magnitude among x [n]. */
static double extreme(const double *x, int64_t n)
{
    double top = 0;

    for (int64_t i = 0; i < n; i++)
        top = fabs(x[i]) > fabs(top) ? x[i] : top;
    return top;
}

static void round_q8(double *x, int64_t n)
{
    double scale = as_f16(fabs(extreme(x, n)) / 127);

    for (int64_t i = 0; i < n && scale != 0; i++)
        x[i] = scale * clamp(rint(x[i] / scale), -128, 127);
}

static void round_q4(double *x, int64_t n)
{
    double scale = as_f16(extreme(x, n) / -8);

    for (int64_t i = 0; i < n && scale != 0; i++)
        x[i] = scale * clamp(rint(x[i] / scale), -8, 7);
}

/* Rows of x beside whole numbers: as Q8_0, with a scale that is not rounded. */
static void round_x(double *x, int64_t n)
{
    double scale = fabs(extreme(x, n)) / 127;

    for (int64_t i = 0; i < n && scale != 0; i++)
        x[i] = scale * rint(x[i] / scale);
}

static void each_block(struct array *a, void (*round)(double *x, int64_t n))
{
    int64_t n = array_cols(a);

    for (int64_t r = 0; r < array_rows(a); r++)
        for (int64_t i = 0; i < n; i += BLOCK)
            round(a->v + r * n + i, n - i < BLOCK ? n - i : BLOCK);
}

static void each(struct array *a, double (*round)(double x))
{
    for (int64_t i = 0; i < array_count(a); i++)
        a->v[i] = round(a->v[i]);
}

static void round_matrix(struct array *w, enum dtype format)
{
    if (format == DTYPE_F16)
        each(w, as_f16);
    else if (format == DTYPE_BF16)
        each(w, as_bf16);
    else if (format == DTYPE_Q8_0)
        each_block(w, round_q8);
    else if (format == DTYPE_Q4_0)
        each_block(w, round_q4);
}

void ref_linear_packed(const struct kernel_case *k, const struct array *in, struct array *out)
{
    struct array rounded[4] = { in[0], in[1], in[2], in[3] };
    enum dtype format = (enum dtype)k->i[1];

    array_copy(&rounded[0], &in[0]);
    array_copy(&rounded[1], &in[1]);
    round_matrix(&rounded[1], format);
    if (format == DTYPE_Q8_0 || format == DTYPE_Q4_0)
        each_block(&rounded[0], round_x);
    ref_linear(k, rounded, out);
    array_release(&rounded[0]);
    array_release(&rounded[1]);
}
