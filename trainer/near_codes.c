#include "trainer/near_codes.h"

#include <math.h>

static float square_distance(const float *a, const float *b, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* Keeps the list sorted; its last entry falls out. */
static void insert(int32_t code, float distance, int32_t *codes, float *distances)
{
    int at = NEAR_CODES - 1;
    for (; at > 0 && distances[at - 1] > distance; at--) {
        codes[at] = codes[at - 1];
        distances[at] = distances[at - 1];
    }
    codes[at] = code;
    distances[at] = distance;
}

void near_codes(const float *codebook, int entries, int dim, const float *z, float temperature,
                int32_t ret_codes[NEAR_CODES], float ret_odds[NEAR_CODES])
{
    float distances[NEAR_CODES], sum = 0;
    for (int i = 0; i < NEAR_CODES; i++)
        distances[i] = INFINITY;
    for (int k = 0; k < entries; k++) {
        float d = square_distance(codebook + (long)k * dim, z, dim);
        if (d < distances[NEAR_CODES - 1])
            insert(k, d, ret_codes, distances);
    }
    for (int i = 0; i < NEAR_CODES; i++)
        ret_odds[i] = sum += expf((distances[0] - distances[i]) / (2 * temperature));
    for (int i = 0; i < NEAR_CODES; i++)
        ret_odds[i] /= sum;
}

int32_t near_codes_draw(const int32_t codes[NEAR_CODES], const float odds[NEAR_CODES],
                        float uniform)
{
    int i = 0;
    while (i < NEAR_CODES - 1 && uniform >= odds[i])
        i++;
    return codes[i];
}
