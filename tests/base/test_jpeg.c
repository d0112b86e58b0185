/*
 * JPEG: gray, RGB, YCbCr, baseline and progressive in; round trips; damaged, oversized and CMYK
 * files refused. The files in tests/data/fuzz/jpeg hold one 24 x 16 gradient at quality 95 without
 * subsampling.
 */
#include "tests/test.h"

#include <string.h>

#include "base/file.h"
#include "base/jpeg.h"

enum { W = 24, H = 16, LEVELS = 6 /* of 255: what quality 95 costs */ };

static void load(const char *name, struct buf *ret_jpeg)
{
    char path[512];

    snprintf(path, sizeof path, "%s/tests/data/fuzz/jpeg/%s.jpg", test_srcdir(), name);
    buf_init(ret_jpeg, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, ret_jpeg, NULL), 0);
}

static void want_rgb(int x, int y, int *px)
{
    px[0] = 10 * x;
    px[1] = 15 * y;
    px[2] = 200 - 5 * x;
}

static void want_gray(int x, int y, int *px)
{
    px[0] = px[1] = px[2] = 6 * x + 4 * y;
}

static void assert_near(const char *name, const struct image *img, void (*want)(int, int, int *))
{
    int px[3];

    assert_int_equal(img->w, W);
    assert_int_equal(img->h, H);
    assert_int_equal(img->channels, 3);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            want(x, y, px);
            for (int c = 0; c < 3; c++)
                if (abs(image_row(img, y)[3 * x + c] - px[c]) > LEVELS)
                    fail_msg("%s: pixel %d, %d channel %d is %d, not %d", name, x, y, c,
                             image_row(img, y)[3 * x + c], px[c]);
        }
}

static void test_every_kind(void **state)
{
    static const struct {
        const char *name;
        void (*want)(int x, int y, int *px);
    } CASES[] = {
        { "baseline", want_rgb },
        { "progressive", want_rgb },
        { "rgb", want_rgb },
        { "gray", want_gray },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct image img;
        struct err e = { 0 };
        struct buf jpeg;
        load(CASES[i].name, &jpeg);
        assert_true(jpeg_is(jpeg.data, jpeg.len));
        if (jpeg_decode(jpeg.data, jpeg.len, W * H, &img, &e))
            fail_msg("%s: %s", CASES[i].name, e.msg);
        assert_near(CASES[i].name, &img, CASES[i].want);
        image_release(&img);
        buf_release(&jpeg);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *name, *msg;
        enum err_code code;
        size_t max_pixels;
    } CASES[] = {
        { "baseline", "jpeg: 24 x 16 is 384 pixels, more than 383", ERR_TOO_LARGE, 383 },
        { "cmyk", "jpeg: CMYK colours; convert it to RGB", ERR_UNSUPPORTED, 384 },
        { "ycck", "jpeg: CMYK colours; convert it to RGB", ERR_UNSUPPORTED, 384 },
        { "190_scans", "jpeg: more than 100 scans", ERR_TOO_LARGE, 384 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct image img = { 0 };
        struct err e = { 0 };
        struct buf jpeg;
        load(CASES[i].name, &jpeg);
        assert_int_equal(jpeg_decode(jpeg.data, jpeg.len, CASES[i].max_pixels, &img, &e), -1);
        assert_err(&e, CASES[i].code, CASES[i].msg);
        assert_null(img.px);
        buf_release(&jpeg);
    }
}

/* The two bytes behind FF C0, length and precision are the height, then the width. */
static void test_header_that_lies(void **state)
{
    struct image img;
    struct err e = { 0 };
    struct buf jpeg;
    char *frame;

    (void)state;
    load("baseline", &jpeg);
    frame = memmem(jpeg.data, jpeg.len, "\xff\xc0", 2);
    memcpy(frame + 5, "\xff\xff\xff\xff", 4);
    assert_int_equal(jpeg_decode(jpeg.data, jpeg.len, 1000, &img, &e), -1);
    assert_err(&e, ERR_FORMAT, "jpeg: Maximum supported image dimension is 65500 pixels");
    memcpy(frame + 5, "\x40\x01\x00\x10", 4);
    assert_int_equal(jpeg_decode(jpeg.data, jpeg.len, SIZE_MAX, &img, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, "jpeg: 16 x 16385 has a side over 16384");
    buf_release(&jpeg);
}

static void test_no_jpeg(void **state)
{
    struct image img;
    struct err e = { 0 };

    (void)state;
    assert_false(jpeg_is("\xff\xd8", 2));
    assert_int_equal(jpeg_decode("GIF89a", 6, 100, &img, &e), -1);
    assert_err(&e, ERR_FORMAT, "jpeg: not a JPEG");
    assert_int_equal(jpeg_decode("\xff\xd8\xff", 3, 100, &img, &e), -1);
    assert_err(&e, ERR_FORMAT, "jpeg: Premature end of JPEG file");
}

/* A file without its last two bytes, the end marker, still has every pixel; shorter ones have not.
 */
static void test_every_cut_is_refused(void **state)
{
    static const char *const NAMES[] = { "baseline", "progressive" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct image img;
        struct buf jpeg;
        load(NAMES[i], &jpeg);
        for (size_t n = 3; n < jpeg.len; n++) {
            struct err e = { 0 };
            assert_int_equal(jpeg_decode(jpeg.data, n, 1000, &img, &e), -1);
            assert_err(&e, ERR_FORMAT, "jpeg: Premature end of JPEG file");
        }
        buf_release(&jpeg);
    }
}

/* JPEG has no checksum: a flipped bit may pass, but must give a picture or words, never both or
 * none. */
static void test_every_flip(void **state)
{
    size_t n_refused = 0;
    struct buf jpeg;

    (void)state;
    load("progressive", &jpeg);
    for (size_t i = 0; i < jpeg.len * 8; i++) {
        struct image img = { 0 };
        struct err e = { 0 };
        jpeg.data[i / 8] ^= (char)(1 << i % 8);
        if (jpeg_decode(jpeg.data, jpeg.len, 10000, &img, &e) == 0) {
            assert_int_equal(e.code, ERR_NONE);
            assert_non_null(img.px);
            image_release(&img);
        } else {
            assert_memory_equal(e.msg, "jpeg: ", 6);
            assert_null(img.px);
            n_refused++;
        }
        jpeg.data[i / 8] ^= (char)(1 << i % 8);
    }
    assert_true(n_refused > 100);
    buf_release(&jpeg);
}

static struct image gradient(void)
{
    struct image img;
    int px[3];

    assert_int_equal(image_new(W, H, 3, &img, NULL), 0);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            want_rgb(x, y, px);
            for (int c = 0; c < 3; c++)
                image_row(&img, y)[3 * x + c] = (uint8_t)px[c];
        }
    return img;
}

static int luma(const uint8_t *px)
{
    return (299 * px[0] + 587 * px[1] + 114 * px[2]) / 1000;
}

/* Brightness only: the encoder halves the resolution of colour. */
static void test_round_trip(void **state)
{
    struct image img = gradient(), back;
    struct buf jpeg;

    (void)state;
    buf_init(&jpeg, 1 << 20);
    buf_puts(&jpeg, "before");
    assert_int_equal(jpeg_encode(&img, 100, NULL, &jpeg, NULL), 0);
    assert_int_equal(jpeg_decode(jpeg.data + 6, jpeg.len - 6, 1000, &back, NULL), 0);
    for (int i = 0; i < W * H; i++)
        assert_in_range(luma(back.px + 3 * i) - luma(img.px + 3 * i) + 2, 0, 4);
    image_release(&img);
    image_release(&back);
    buf_release(&jpeg);
}

/* More than the encoder's own chunk, so that every byte passes through the refill. */
static void test_large_round_trip(void **state)
{
    struct image img, back;
    struct buf jpeg;
    uint32_t x = 1;

    (void)state;
    assert_int_equal(image_new(200, 200, 3, &img, NULL), 0);
    for (int i = 0; i < 200 * 200 * 3; i++)
        img.px[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
    buf_init(&jpeg, 1 << 20);
    assert_int_equal(jpeg_encode(&img, 100, NULL, &jpeg, NULL), 0);
    assert_true(jpeg.len > 40000);
    assert_int_equal(jpeg_decode(jpeg.data, jpeg.len, 40000, &back, NULL), 0);
    image_release(&img);
    image_release(&back);
    buf_release(&jpeg);
}

/* A COM segment: FF FE, its length with the two bytes of the length itself, the words. */
static void test_comment(void **state)
{
    struct image img = gradient(), back;
    struct buf jpeg, longest;
    struct err e = { 0 };

    (void)state;
    buf_init(&jpeg, 1 << 20);
    buf_init(&longest, 1 << 20);
    assert_int_equal(jpeg_encode(&img, 90, "a cat", &jpeg, NULL), 0);
    assert_non_null(memmem(jpeg.data, jpeg.len,
                           "\xff\xfe\x00\x07"
                           "a cat",
                           9));
    assert_int_equal(jpeg_decode(jpeg.data, jpeg.len, 1000, &back, NULL), 0);
    image_release(&back);
    memset(buf_grow(&longest, JPEG_COMMENT_MAX + 1), 'a', JPEG_COMMENT_MAX + 1);
    assert_int_equal(jpeg_encode(&img, 90, longest.data, &jpeg, &e), -1);
    assert_err(&e, ERR_INVALID, "jpeg: a comment of 65534 bytes is over 65533");
    buf_clear(&jpeg);
    assert_int_equal(jpeg_encode(&img, 90, longest.data + 1, &jpeg, &e), 0);
    assert_int_equal(jpeg_decode(jpeg.data, jpeg.len, 1000, &back, NULL), 0);
    image_release(&back);
    image_release(&img);
    buf_release(&jpeg);
    buf_release(&longest);
}

static void test_encode_refused(void **state)
{
    struct image img = gradient(), alpha;
    struct err e = { 0 };
    struct buf jpeg;

    (void)state;
    buf_init(&jpeg, 100);
    assert_int_equal(jpeg_encode(&img, 0, NULL, &jpeg, &e), -1);
    assert_err(&e, ERR_INVALID, "jpeg: quality 0 is outside 1..100");
    assert_int_equal(jpeg_encode(&img, 101, NULL, &jpeg, &e), -1);
    assert_err(&e, ERR_INVALID, "jpeg: quality 101 is outside 1..100");
    assert_int_equal(image_new(2, 2, 4, &alpha, NULL), 0);
    assert_int_equal(jpeg_encode(&alpha, 90, NULL, &jpeg, &e), -1);
    assert_err(&e, ERR_INVALID, "jpeg: a picture with alpha must be flattened first");
    assert_int_equal(jpeg_encode(&img, 90, NULL, &jpeg, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, "jpeg: more than 100 bytes");
    image_release(&img);
    image_release(&alpha);
    buf_release(&jpeg);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_every_kind),
    cmocka_unit_test(test_refused),
    cmocka_unit_test(test_header_that_lies),
    cmocka_unit_test(test_no_jpeg),
    cmocka_unit_test(test_every_cut_is_refused),
    cmocka_unit_test(test_every_flip),
    cmocka_unit_test(test_round_trip),
    cmocka_unit_test(test_large_round_trip),
    cmocka_unit_test(test_comment),
    cmocka_unit_test(test_encode_refused),
};

TEST_MAIN(TESTS)
