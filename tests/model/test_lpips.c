/*
 * LPIPS against itself in double precision (there is no fixture of the real network, of 59 MB), its
 * gradient against finite differences of that, and files that are not LPIPS.
 */
#include "tests/tmp.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "kernels/tape.h"
#include "model/lpips.h"
#include "tests/model/tiny_lpips.h"

enum { H = 18, W = 21, COUNT = H * W * 3, BATCH = 2 };

static struct device *dev;
static struct lpips *net;

/* [BATCH, H, W, 3]: smooth pictures, and the same disturbed. */
static double a[BATCH * COUNT], b[BATCH * COUNT];

static void make_pictures(void)
{
    for (int i = 0; i < BATCH * COUNT; i++) {
        int c = i % 3, x = i / 3 % W, y = i / 3 / W;
        a[i] = (double)(float)(0.6 * sin(0.3 * x + c) * cos(0.2 * y - c));
        b[i] = (double)(float)(a[i] + 0.2 * (double)rng_normal_at(7, 8, (uint64_t)i));
    }
}

/* The distance in single precision, and its gradient for the first pictures. */
static float run(double *ret_gradient)
{
    static float host_a[BATCH * COUNT], host_b[BATCH * COUNT], grad[BATCH * COUNT];
    const int64_t dim[] = { BATCH, H, W, 3 };
    struct tape *tape = tape_new();
    struct arena arena;
    struct pass p;
    struct err e;
    float value;

    for (int i = 0; i < BATCH * COUNT; i++) {
        host_a[i] = (float)a[i];
        host_b[i] = (float)b[i];
    }
    assert_int_equal(arena_init(&arena, dev, 8 << 20, ARENA_HOST_BYTES, NULL), 0);
    pass_init(&p, dev, &arena, tape);
    struct tensor *ta = pass_upload(&p, DTYPE_F32, 4, dim, host_a);
    struct tensor *tb = pass_upload(&p, DTYPE_F32, 4, dim, host_b);
    ta->wants_grad = true;
    struct tensor *d = lpips_distance(&p, net, ta, tb);
    tape_seed(&p, d, 1);
    tape_backward(&p, 0, tape_mark(tape));
    if (pass_finish(&p, &e))
        fail_msg("%s", e.msg);
    assert_null(tb->grad);
    assert_int_equal(device_download(dev, d, 0, &value, sizeof value, NULL), 0);
    assert_int_equal(device_download(dev, ta->grad, 0, grad, sizeof grad, NULL), 0);
    for (int i = 0; i < BATCH * COUNT; i++)
        ret_gradient[i] = (double)grad[i];
    arena_free(&arena);
    tape_free(tape);
    return value;
}

static double slow_distance_of(int picture)
{
    return tiny_lpips_distance(a + picture * COUNT, b + picture * COUNT, H, W) / BATCH;
}

static void test_distance(void **state)
{
    static double gradient[BATCH * COUNT];
    double want = slow_distance_of(0) + slow_distance_of(1);

    (void)state;
    assert_true(want > 0.01);
    assert_float_equal((double)run(gradient), want, 1e-5 * want);
}

static double slope(int i)
{
    const double step = 1e-6, kept = a[i];

    a[i] = kept + step;
    double above = slow_distance_of(i / COUNT);
    a[i] = kept - step;
    double below = slow_distance_of(i / COUNT);
    a[i] = kept;
    return (above - below) / (2 * step);
}

static void test_gradient(void **state)
{
    static double gradient[BATCH * COUNT];
    double largest = 0;

    (void)state;
    run(gradient);
    for (int i = 0; i < BATCH * COUNT; i++)
        largest = fmax(largest, fabs(gradient[i]));
    assert_true(largest > 0);
    for (int i = 0; i < BATCH * COUNT; i += 37)
        assert_float_equal(gradient[i], slope(i), 1e-4 * largest);
}

static void test_equal_pictures(void **state)
{
    static double gradient[BATCH * COUNT], kept[BATCH * COUNT];

    (void)state;
    memcpy(kept, b, sizeof b);
    memcpy(b, a, sizeof b);
    assert_true(run(gradient) == 0);
    for (int i = 0; i < BATCH * COUNT; i++)
        assert_true(gradient[i] == 0);
    memcpy(b, kept, sizeof b);
}

static void test_small_pictures(void **state)
{
    const int64_t dim[] = { 1, 15, 20, 3 };
    struct arena arena;
    struct pass p;
    struct err e;

    (void)state;
    assert_int_equal(arena_init_planning(&arena, ARENA_HOST_BYTES, NULL), 0);
    pass_init(&p, dev, &arena, NULL);
    struct tensor *x = pass_tensor(&p, DTYPE_F32, 4, dim);
    assert_null(lpips_distance(&p, net, x, x));
    assert_int_equal(pass_finish(&p, &e), -1);
    assert_err(&e, ERR_INVALID, "lpips: pictures need sides of at least 16");
    arena_free(&arena);
}

static void test_bad_files(void **state)
{
    static const struct {
        enum tiny_lpips_flaw flaw;
        enum err_code code;
        const char *words;
    } CASES[] = {
        { TINY_LPIPS_NO_LAYER, ERR_NOT_FOUND, "net.slice3.12.weight: not in the file" },
        { TINY_LPIPS_NEGATIVE, ERR_FORMAT, "lin2.model.1.weight: -0.5 is below 0" },
        { TINY_LPIPS_MISFIT, ERR_FORMAT,
          "1 tensor does not fit: F32[4, 5, 3, 3] instead of real [4, 6, 3, 3] for "
          "net.slice4.19.weight" },
    };
    const char *path = tmp_path("bad.safetensors");

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct lpips *m;
        char words[400];
        struct err e;
        assert_int_equal(tiny_lpips_write(path, CASES[i].flaw, NULL), 0);
        assert_int_equal(lpips_open(path, dev, &m, &e), -1);
        snprintf(words, sizeof words, "%s: %s", path, CASES[i].words);
        assert_err(&e, CASES[i].code, words);
    }
}

static int make(void **state)
{
    if (tmp_make(state) || device_open("cpu", 1, &dev, NULL))
        return -1;
    make_pictures();
    return tiny_lpips_write(tmp_path("vgg.safetensors"), TINY_LPIPS_FINE, NULL) ||
           lpips_open(tmp_path("vgg.safetensors"), dev, &net, NULL);
}

static int unmake(void **state)
{
    lpips_close(net);
    device_close(dev);
    return tmp_remove(state);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_distance),       cmocka_unit_test(test_gradient),
    cmocka_unit_test(test_equal_pictures), cmocka_unit_test(test_small_pictures),
    cmocka_unit_test(test_bad_files),
};

TEST_MAIN_WITH(tests, make, unmake)
