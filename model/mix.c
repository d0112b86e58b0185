#include "model/mix.h"

#include <math.h>
#include <string.h>

#define CANCELLED 1e-3 /* of the weights' sum: what is left is mostly rounding */

static double weighted(const float *const *v, const float *weight, int n, int i)
{
    double sum = 0;

    for (int k = 0; k < n; k++)
        sum += (double)weight[k] * v[k][i];
    return sum;
}

static double length_of_sum(const float *const *v, const float *weight, int n, int dim)
{
    double squares = 0;

    for (int i = 0; i < dim; i++)
        squares += weighted(v, weight, n, i) * weighted(v, weight, n, i);
    return sqrt(squares);
}

int mix_unit(const float *const *v, const float *weight, int n, int dim, float *ret_unit,
             struct err *e)
{
    double length, weights = 0;

    if (n == 1) {
        memcpy(ret_unit, v[0], (size_t)dim * sizeof *ret_unit);
        return 0;
    }
    for (int k = 0; k < n; k++)
        weights += fabs((double)weight[k]);
    length = length_of_sum(v, weight, n, dim);
    if (!(length > CANCELLED * weights))
        return err_set(e, ERR_INVALID, "the parts cancel each other");
    for (int i = 0; i < dim; i++)
        ret_unit[i] = (float)(weighted(v, weight, n, i) / length);
    return 0;
}
