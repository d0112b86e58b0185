#include "model/rank.h"

#include <math.h>
#include <stdbool.h>

float rank_cosine(const float *a, const float *b, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return (float)sum;
}

/* NaN goes last. */
static bool better(const float *scores, int a, int b)
{
    return scores[a] > scores[b] || (isnan(scores[b]) && !isnan(scores[a]));
}

void rank_order(const float *scores, int n, int *ret_order)
{
    for (int i = 0; i < n; i++) {
        int at = i;
        for (; at > 0 && better(scores, i, ret_order[at - 1]); at--)
            ret_order[at] = ret_order[at - 1];
        ret_order[at] = i;
    }
}
