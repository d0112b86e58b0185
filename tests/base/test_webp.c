/*
 * WebP: lossy and lossless, with and without alpha, in; round trips; damaged, oversized and
 * animated files refused. The files in tests/data/fuzz/webp hold one 24 x 16 gradient, made by
 * cwebp.
 */
#include "tests/test.h"

#include <string.h>

#include "base/file.h"
#include "base/webp.h"

enum { W = 24, H = 16, LEVELS = 12 /* of 255: what quality 95 with halved colours costs */ };

static void load(const char *name, struct buf *ret_webp)
{
    char path[512];

    snprintf(path, sizeof path, "%s/tests/data/fuzz/webp/%s.webp", test_srcdir(), name);
    buf_init(ret_webp, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, ret_webp, NULL), 0);
}

static int want(int x, int y, int channel)
{
    const int px[] = { 10 * x, 15 * y, 200 - 5 * x, 255 - 10 * y };

    return px[channel];
}

static void assert_near(const char *name, const struct image *img, int channels, int levels)
{
    assert_int_equal(img->w, W);
    assert_int_equal(img->h, H);
    assert_int_equal(img->channels, channels);
    for (int i = 0; i < W * H * channels; i++) {
        int c = i % channels, x = i / channels % W, y = i / channels / W;
        if (abs(img->px[i] - want(x, y, c)) > levels)
            fail_msg("%s: pixel %d, %d channel %d is %d, not %d", name, x, y, c, img->px[i],
                     want(x, y, c));
    }
}

static void test_every_kind(void **state)
{
    static const struct {
        const char *name;
        int channels, levels;
    } CASES[] = {
        { "lossy", 3, LEVELS },
        { "lossless", 3, 0 },
        { "lossy_alpha", 4, LEVELS },
        { "lossless_alpha", 4, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct image img;
        struct err e = { 0 };
        struct buf webp;
        load(CASES[i].name, &webp);
        assert_true(webp_is(webp.data, webp.len));
        if (webp_decode(webp.data, webp.len, W * H, &img, &e))
            fail_msg("%s: %s", CASES[i].name, e.msg);
        assert_near(CASES[i].name, &img, CASES[i].channels, CASES[i].levels);
        image_release(&img);
        buf_release(&webp);
    }
}

static void assert_refused(const void *data, size_t n, size_t max_pixels, enum err_code code,
                           const char *msg)
{
    struct image img = { 0 };
    struct err e = { 0 };

    assert_int_equal(webp_decode(data, n, max_pixels, &img, &e), -1);
    assert_err(&e, code, msg);
    assert_null(img.px);
}

static void test_refused(void **state)
{
    struct buf lossy, animation;

    (void)state;
    load("lossy", &lossy);
    load("animation", &animation);
    assert_refused(lossy.data, lossy.len, 383, ERR_TOO_LARGE,
                   "webp: 24 x 16 is 384 pixels, more than 383");
    assert_refused(animation.data, animation.len, 384, ERR_UNSUPPORTED,
                   "webp: an animation; a still picture is expected");
    assert_refused("GIF89a", 6, 384, ERR_FORMAT, "webp: not a WebP");
    assert_refused("RIFF\20\0\0\0WEBPVP8 \4\0\0\0abcd", 24, 384, ERR_FORMAT,
                   "webp: the file ends early");
    memset(lossy.data + 23, 'x', 3); /* the start code of the frame */
    assert_refused(lossy.data, lossy.len, 384, ERR_FORMAT, "webp: the data is damaged");
    buf_release(&lossy);
    buf_release(&animation);
}

/* Whatever is cut off: words, never a part of a picture. */
static void test_every_cut_is_refused(void **state)
{
    static const char *const NAMES[] = { "lossy", "lossless", "lossy_alpha", "lossless_alpha" };

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct buf webp;
        load(NAMES[i], &webp);
        for (size_t n = 12; n + 1 < webp.len; n++) { /* the last byte may be padding */
            struct image img = { 0 };
            struct err e = { 0 };
            if (webp_decode(webp.data, n, 1000, &img, &e) == 0)
                fail_msg("%s: %zu of %zu bytes were taken", NAMES[i], n, webp.len);
            assert_memory_equal(e.msg, "webp: ", 6);
            assert_null(img.px);
        }
        buf_release(&webp);
    }
}

static struct image gradient(void)
{
    struct image img;

    assert_int_equal(image_new(W, H, 3, &img, NULL), 0);
    for (int i = 0; i < W * H * 3; i++)
        img.px[i] = (uint8_t)want(i / 3 % W, i / 3 / W, i % 3);
    return img;
}

static void test_round_trip(void **state)
{
    struct image img = gradient(), back;
    struct buf one, two;

    (void)state;
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    buf_puts(&one, "before");
    assert_int_equal(webp_encode(&img, 95, &one, NULL), 0);
    assert_int_equal(webp_encode(&img, 95, &two, NULL), 0);
    assert_int_equal(one.len, two.len + 6);
    assert_memory_equal(one.data + 6, two.data, two.len);
    assert_int_equal(webp_decode(two.data, two.len, 1000, &back, NULL), 0);
    assert_near("round trip", &back, 3, LEVELS);
    image_release(&img);
    image_release(&back);
    buf_release(&one);
    buf_release(&two);
}

static void test_encode_refused(void **state)
{
    struct image img = gradient(), alpha, wide;
    struct err e = { 0 };
    struct buf webp;

    (void)state;
    buf_init(&webp, 50);
    assert_int_equal(webp_encode(&img, 0, &webp, &e), -1);
    assert_err(&e, ERR_INVALID, "webp: quality 0 is outside 1..100");
    assert_int_equal(image_new(2, 2, 4, &alpha, NULL), 0);
    assert_int_equal(webp_encode(&alpha, 90, &webp, &e), -1);
    assert_err(&e, ERR_INVALID, "webp: a picture with alpha must be flattened first");
    assert_int_equal(image_new(16384, 1, 3, &wide, NULL), 0);
    assert_int_equal(webp_encode(&wide, 90, &webp, &e), -1);
    assert_err(&e, ERR_INVALID, "webp: 16384 x 1 has a side over 16383");
    assert_int_equal(webp_encode(&img, 90, &webp, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, "webp: more than 50 bytes");
    image_release(&img);
    image_release(&alpha);
    image_release(&wide);
    buf_release(&webp);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_every_kind),           cmocka_unit_test(test_refused),
    cmocka_unit_test(test_every_cut_is_refused), cmocka_unit_test(test_round_trip),
    cmocka_unit_test(test_encode_refused),
};

TEST_MAIN(TESTS)
