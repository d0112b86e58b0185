#include "kernels/cpu/norm_pixels.h"

#include "kernels/cpu/vmath.h"

#define PART_FLOATS 8192
#define PARTS_MAX 64
/* Arrays of n floats in a thread's own scratch: coefficients of a picture, or moments of a chunk.
 */
#define OWN_ARRAYS 6

int CPU(norm_layer_init)(struct norm_layer *l, int64_t pictures, int64_t pixels, int64_t n,
                         int64_t groups, struct err *e)
{
    if (n * OWN_ARRAYS > NORM_HALF_SCRATCH)
        return err_set(e, ERR_UNSUPPORTED, "norm: %lld channels, scratch holds %lld", (long long)n,
                       (long long)NORM_HALF_SCRATCH / OWN_ARRAYS);
    int64_t fit = NORM_HALF_SCRATCH / (2 * n) - 1; /* room for the group statistics is left */
    int64_t parts = par_min(pixels * n / PART_FLOATS, par_min(PARTS_MAX, fit));
    *l = (struct norm_layer){ .pictures = pictures, .pixels = pixels, .n = n, .groups = groups };
    l->parts = par_min(parts > 1 ? parts : 1, pixels);
    return 0;
}

struct norm_coefs CPU(norm_spread)(const struct norm_layer *l, struct norm_stats s, float *own)
{
    struct norm_coefs k = { own, own + l->n, own + 2 * l->n, own + 3 * l->n };
    int64_t per = l->n / l->groups;
    for (int64_t j = 0; j < l->n; j++) {
        k.mean[j] = s.mean[j / per * s.step];
        k.inv[j] = s.inv[j / per * s.step];
    }
    return k;
}

static inline __attribute__((always_inline)) void normalise(const struct norm_layer *l, bool silu,
                                                            const float *restrict x,
                                                            struct par_range pixels,
                                                            struct norm_coefs k, float *restrict y)
{
    const float *restrict mean = k.mean, *restrict inv = k.inv;
    const float *restrict gain = l->gain, *restrict bias = l->bias;
    int64_t n = l->n;
    for (int64_t i = pixels.begin; i < pixels.end; i++)
        for (int64_t j = 0; j < n; j++) {
            float z = (x[i * n + j] - mean[j]) * inv[j] * gain[j] + bias[j];
            y[i * n + j] = silu ? vm_silu(z) : z;
        }
}

void CPU(norm_apply)(const struct norm_layer *l, const float *x, int64_t part, struct norm_stats s,
                     float *own, float *y)
{
    struct par_range pixels = par_range(l->pixels, l->parts, part);
    struct norm_coefs k = CPU(norm_spread)(l, s, own);
    if (l->silu)
        normalise(l, true, x, pixels, k, y);
    else
        normalise(l, false, x, pixels, k, y);
}
