#include "tests/model/tiny_lpips.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "model/weights.h"

enum { CONVS = 13, TAPS = 5, WIDTH_MAX = 6, SIDE_MAX = 24 };

static const struct {
    int slice, index, in, out;
} CONV[CONVS] = {
    { 1, 0, 3, 4 },  { 1, 2, 4, 3 },  { 2, 5, 3, 5 },  { 2, 7, 5, 4 },  { 3, 10, 4, 6 },
    { 3, 12, 6, 2 }, { 3, 14, 2, 5 }, { 4, 17, 5, 6 }, { 4, 19, 6, 4 }, { 4, 21, 4, 6 },
    { 5, 24, 6, 5 }, { 5, 26, 5, 6 }, { 5, 28, 6, 4 },
};

static const float SHIFT[3] = { -0.03f, -0.088f, -0.188f }, SCALE[3] = { 0.458f, 0.448f, 0.45f };

/* ---- the weights: number k of a tensor ---- */

/* Something of every channel goes on to the next layer and few places are dark, so that the
 * distance is as smooth as a trained network's: it can be made smaller by walking downhill. */
static float weight(int conv, int k)
{
    int in = CONV[conv].in, centre = k % 9 == 4, from = k / 9 % in, to = k / 9 / in;
    float noise = rng_normal_at(3, (uint64_t)conv, (uint64_t)k) / sqrtf((float)(9 * in));

    return noise + (centre && to % in == from ? 0.7f : 0);
}

static float bias(int conv, int k)
{
    return 0.2f + 0.1f * rng_normal_at(4, (uint64_t)conv, (uint64_t)k);
}

static float lin(int tap, int k)
{
    return rng_uniform_at(5, (uint64_t)tap, (uint64_t)k);
}

/* ---- the file ---- */

static int add_conv(struct weights_out *out, int i, enum tiny_lpips_flaw flaw, struct err *e)
{
    float w[WIDTH_MAX * WIDTH_MAX * 9], b[WIDTH_MAX];
    int in = CONV[i].in - (flaw == TINY_LPIPS_MISFIT && i == 8), out_c = CONV[i].out;
    int64_t dim[] = { out_c, in, 3, 3 };
    char name[64];

    for (int k = 0; k < out_c * in * 9; k++)
        w[k] = weight(i, k);
    for (int k = 0; k < out_c; k++)
        b[k] = bias(i, k);
    snprintf(name, sizeof name, "net.slice%d.%d.weight", CONV[i].slice, CONV[i].index);
    if (weights_out_add(out, name, W_F32, 4, dim, w, e))
        return -1;
    snprintf(name, sizeof name, "net.slice%d.%d.bias", CONV[i].slice, CONV[i].index);
    return weights_out_add(out, name, W_F32, 1, dim, b, e);
}

static int tap_width(int tap)
{
    int width = 0;

    for (int i = 0; i < CONVS; i++)
        width = CONV[i].slice == tap + 1 ? CONV[i].out : width;
    return width;
}

static int add_lin(struct weights_out *out, int tap, enum tiny_lpips_flaw flaw, struct err *e)
{
    float w[WIDTH_MAX];
    int64_t dim[] = { 1, tap_width(tap), 1, 1 };
    char name[64];

    for (int k = 0; k < dim[1]; k++)
        w[k] = flaw == TINY_LPIPS_NEGATIVE && tap == 2 && k == 1 ? -0.5f : lin(tap, k);
    snprintf(name, sizeof name, "lin%d.model.1.weight", tap);
    return weights_out_add(out, name, W_F32, 4, dim, w, e);
}

static int fill(struct weights_out *out, enum tiny_lpips_flaw flaw, struct err *e)
{
    const int64_t dim[] = { 1, 3, 1, 1 };

    if (weights_out_add(out, "scaling_layer.shift", W_F32, 4, dim, SHIFT, e) ||
        weights_out_add(out, "scaling_layer.scale", W_F32, 4, dim, SCALE, e))
        return -1;
    for (int i = 0; i < CONVS; i++)
        if (!(flaw == TINY_LPIPS_NO_LAYER && i == 5) && add_conv(out, i, flaw, e))
            return -1;
    for (int tap = 0; tap < TAPS; tap++)
        if (add_lin(out, tap, flaw, e))
            return -1;
    return 0;
}

int tiny_lpips_write(const char *path, enum tiny_lpips_flaw flaw, struct err *e)
{
    struct weights_out *out;
    int failed;

    if (weights_out_new(&out, e))
        return -1;
    failed = fill(out, flaw, e) || weights_out_write(out, path, e);
    weights_out_free(out);
    return failed ? -1 : 0;
}

/* ---- the same in double, a channel after the other ---- */

struct map {
    int h, w, c;
    double px[WIDTH_MAX][SIDE_MAX][SIDE_MAX];
};

static double at(const struct map *m, int c, int y, int x)
{
    return y < 0 || x < 0 || y >= m->h || x >= m->w ? 0 : m->px[c][y][x];
}

/* 3 x 3 convolution, zeros outside, then ReLU. */
static void conv(struct map *m, int i)
{
    double w[WIDTH_MAX * WIDTH_MAX * 9];
    struct map out = { .h = m->h, .w = m->w, .c = CONV[i].out };

    for (int k = 0; k < out.c * m->c * 9; k++)
        w[k] = (double)weight(i, k);
    for (int o = 0; o < out.c; o++)
        for (int y = 0; y < m->h; y++)
            for (int x = 0; x < m->w; x++) {
                double sum = (double)bias(i, o);
                for (int c = 0; c < m->c; c++)
                    for (int k = 0; k < 9; k++)
                        sum += w[(o * m->c + c) * 9 + k] * at(m, c, y + k / 3 - 1, x + k % 3 - 1);
                out.px[o][y][x] = sum > 0 ? sum : 0;
            }
    *m = out;
}

static void pool(struct map *m)
{
    m->h /= 2;
    m->w /= 2;
    for (int c = 0; c < m->c; c++)
        for (int y = 0; y < m->h; y++)
            for (int x = 0; x < m->w; x++) {
                double a = fmax(m->px[c][2 * y][2 * x], m->px[c][2 * y][2 * x + 1]);
                double b = fmax(m->px[c][2 * y + 1][2 * x], m->px[c][2 * y + 1][2 * x + 1]);
                m->px[c][y][x] = fmax(a, b);
            }
}

static double length_at(const struct map *m, int y, int x)
{
    double sum = 0;

    for (int c = 0; c < m->c; c++)
        sum += m->px[c][y][x] * m->px[c][y][x];
    return fmax(sqrt(sum), 1e-12);
}

static double tap_distance(const struct map *a, const struct map *b, int tap)
{
    double sum = 0;

    for (int y = 0; y < a->h; y++)
        for (int x = 0; x < a->w; x++) {
            double of_a = length_at(a, y, x), of_b = length_at(b, y, x);
            for (int c = 0; c < a->c; c++) {
                double d = a->px[c][y][x] / of_a - b->px[c][y][x] / of_b;
                sum += (double)lin(tap, c) * d * d;
            }
        }
    return sum / (a->h * a->w);
}

static void scaled(const double *px, int h, int w, struct map *ret)
{
    *ret = (struct map){ .h = h, .w = w, .c = 3 };
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 3; c++)
                ret->px[c][y][x] = (px[(y * w + x) * 3 + c] - (double)SHIFT[c]) / (double)SCALE[c];
}

double tiny_lpips_distance(const double *a, const double *b, int h, int w)
{
    struct map of_a, of_b;
    double sum = 0;

    scaled(a, h, w, &of_a);
    scaled(b, h, w, &of_b);
    for (int i = 0; i < CONVS; i++) {
        if (i && CONV[i].slice != CONV[i - 1].slice) {
            pool(&of_a);
            pool(&of_b);
        }
        conv(&of_a, i);
        conv(&of_b, i);
        if (i + 1 == CONVS || CONV[i + 1].slice != CONV[i].slice)
            sum += tap_distance(&of_a, &of_b, CONV[i].slice - 1);
    }
    return sum;
}
