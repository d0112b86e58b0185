/*
 * Convolutions at the sizes of real layers, on every instruction set: samples of the result and of
 * both adjoints against sums in double. cases.c has the small and the odd sizes; here are the ways
 * that only large layers take, and how far each is off.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tests/kernels/world.h"
#include "tests/test.h"

#define SAMPLES 48
#define TAPS 9

/* Largest error over the largest value. The project allows 1e-3; Winograd's cells lose a digit. */
#define TOL 1e-5

static const struct kind {
    const char *name;
    int64_t batch, side, in, out;
} KINDS[] = {
    { "256x256, 32 channels", 1, 256, 32, 32 },
    { "64x64, 128 channels", 1, 64, 128, 128 },
    { "16x16, 256 channels to 128", 2, 16, 256, 128 },
    { "8x8, 512 channels: 2x2 cells", 1, 8, 512, 512 },
    { "6x6, 900 channels: more than any cell takes", 1, 6, 900, 900 },
    { "emoji, 64x64, 24 channels", 2, 64, 24, 24 },
    { "RGB in", 1, 64, 3, 128 },
    { "RGB out", 1, 64, 128, 3 },
};
enum { N_KINDS = sizeof KINDS / sizeof KINDS[0] };

static const char *const ISAS[] = { "base", "avx2", "avx512" };

/* What a layer was given and made, on the host; channels last. */
struct layer {
    const struct kind *k;
    float *x, *w, *b, *y, *dy, *dx, *dw;
};

/* Element (b, y, x, c) of a picture of n channels; 0 beside it. */
static double pixel(const struct kind *k, const float *t, int64_t b, int64_t y, int64_t x,
                    int64_t c, int64_t n)
{
    bool in = y >= 0 && y < k->side && x >= 0 && x < k->side;
    return in ? t[((b * k->side + y) * k->side + x) * n + c] : 0;
}

static double weight(const struct layer *l, int64_t o, int64_t tap, int64_t i)
{
    return l->w[(o * TAPS + tap) * l->k->in + i];
}

static double ref_y(const struct layer *l, int64_t at)
{
    const struct kind *k = l->k;
    int64_t o = at % k->out, x = at / k->out % k->side, y = at / k->out / k->side % k->side;
    int64_t b = at / k->out / k->side / k->side;
    double sum = l->b[o];
    for (int64_t t = 0; t < TAPS; t++)
        for (int64_t i = 0; i < k->in; i++)
            sum += weight(l, o, t, i) * pixel(k, l->x, b, y + t / 3 - 1, x + t % 3 - 1, i, k->in);
    return sum;
}

static double ref_dx(const struct layer *l, int64_t at)
{
    const struct kind *k = l->k;
    int64_t i = at % k->in, x = at / k->in % k->side, y = at / k->in / k->side % k->side;
    int64_t b = at / k->in / k->side / k->side;
    double sum = 0;
    for (int64_t t = 0; t < TAPS; t++)
        for (int64_t o = 0; o < k->out; o++)
            sum += weight(l, o, t, i) * pixel(k, l->dy, b, y - t / 3 + 1, x - t % 3 + 1, o, k->out);
    return sum;
}

static double ref_dw(const struct layer *l, int64_t at)
{
    const struct kind *k = l->k;
    int64_t i = at % k->in, t = at / k->in % TAPS, o = at / k->in / TAPS;
    double sum = 0;
    for (int64_t b = 0; b < k->batch; b++)
        for (int64_t y = 0; y < k->side; y++)
            for (int64_t x = 0; x < k->side; x++)
                sum += pixel(k, l->dy, b, y, x, o, k->out) *
                       pixel(k, l->x, b, y + t / 3 - 1, x + t % 3 - 1, i, k->in);
    return sum;
}

/* Elements spread over all n, against the reference. */
static void check(const struct layer *l, const char *isa, const char *what, const float *got,
                  int64_t n, double (*ref)(const struct layer *l, int64_t at))
{
    double off = 0, largest = 0;
    for (int64_t s = 0; s < SAMPLES; s++) {
        int64_t at = s * (n - 1) / (SAMPLES - 1);
        double want = ref(l, at);
        off = fmax(off, fabs(got[at] - want));
        largest = fmax(largest, fabs(want));
    }
    if (!(off <= TOL * largest))
        fail_msg("%s, %s: %s is off by %.3g of its largest value, allowed %.3g", l->k->name, isa,
                 what, off / largest, TOL);
}

static struct layer run(struct world *w, const struct kind *k)
{
    struct conv_pad pad = { 1, 1, 1, 1 };
    struct tensor *x = WORLD_TENSOR(w, true, k->batch, k->side, k->side, k->in);
    struct tensor *weights = WORLD_TENSOR(w, true, k->out, 3, 3, k->in);
    struct tensor *bias = WORLD_TENSOR(w, false, k->out);
    struct tensor *dy = WORLD_TENSOR(w, false, k->batch, k->side, k->side, k->out);
    struct tensor *y = op_conv2d(&w->p, x, weights, bias, 1, pad);
    tape_add_grad(&w->p, y, dy, 1);
    tape_backward(&w->p, 0, tape_mark(w->tape));
    world_check(w);
    return (struct layer){ k,
                           world_read(w, x),
                           world_read(w, weights),
                           world_read(w, bias),
                           world_read(w, y),
                           world_read(w, dy),
                           world_read(w, x->grad),
                           world_read(w, weights->grad) };
}

static void layer_release(struct layer *l)
{
    float *all[] = { l->x, l->w, l->b, l->y, l->dy, l->dx, l->dw };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        mem_free(all[i]);
}

static bool usable(const char *isa)
{
    struct device *d;
    struct err e;
    setenv("CLIPGEN_CPU_ISA", isa, 1);
    if (device_open("cpu", 1, &d, &e))
        return false;
    device_close(d);
    return true;
}

static void check_kind(void **state)
{
    const struct kind *k = *state;
    int64_t pixels = k->batch * k->side * k->side, weights = k->out * TAPS * k->in;
    int64_t floats = 3 * pixels * (k->in + k->out) + 3 * weights;

    for (size_t i = 0; i < sizeof ISAS / sizeof ISAS[0]; i++) {
        struct world w;
        if (!usable(ISAS[i]))
            continue;
        world_init(&w, (size_t)floats * sizeof(float) + 65536);
        struct layer l = run(&w, k);
        check(&l, ISAS[i], "the result", l.y, pixels * k->out, ref_y);
        check(&l, ISAS[i], "the gradient of the picture", l.dx, pixels * k->in, ref_dx);
        check(&l, ISAS[i], "the gradient of the weights", l.dw, weights, ref_dw);
        layer_release(&l);
        world_release(&w);
    }
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[N_KINDS];
    char pattern[256];
    for (int i = 0; i < N_KINDS; i++)
        tests[i] = (struct CMUnitTest){ .name = KINDS[i].name,
                                        .test_func = check_kind,
                                        .initial_state = (void *)&KINDS[i] };
    snprintf(pattern, sizeof pattern, "*%s*", argc > 1 ? argv[1] : "");
    cmocka_set_test_filter(pattern);
    return _cmocka_run_group_tests(argv[0], tests, N_KINDS, NULL, NULL);
}
