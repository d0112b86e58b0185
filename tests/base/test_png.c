/*
 * PNG: every colour type and depth in, 8 bits out; round trips; damaged and oversized files
 * refused. The files in tests/data/fuzz/png come from make_png.py beside it, which says what each
 * pixel is.
 */
#include "tests/tmp.h"

#include <string.h>

#include "base/file.h"
#include "base/png.h"

enum { W = 5, H = 4 };

static void load(const char *name, struct buf *ret_png)
{
    char path[512];

    snprintf(path, sizeof path, "%s/tests/data/fuzz/png/%s.png", test_srcdir(), name);
    buf_init(ret_png, 1 << 20);
    assert_int_equal(file_read(path, 1 << 20, ret_png, NULL), 0);
}

static void want_rgb(int x, int y, int *px)
{
    px[0] = 40 * x + 10;
    px[1] = 60 * y + 5;
    px[2] = 12 * x * y;
}

static void want_rgba(int x, int y, int *px)
{
    want_rgb(x, y, px);
    px[3] = 255 - 50 * y;
}

/* rgb_key: the colour of pixel 2, 1 is transparent */
static void want_rgb_key(int x, int y, int *px)
{
    want_rgb(x, y, px);
    px[3] = x == 2 && y == 1 ? 0 : 255;
}

static void gray_bits(int x, int y, int bits, int *px)
{
    px[0] = px[1] = px[2] = ((40 * x + 10 * y) >> (8 - bits)) * 255 / ((1 << bits) - 1);
    px[3] = 255;
}

static void want_gray1(int x, int y, int *px)
{
    gray_bits(x, y, 1, px);
}

static void want_gray2(int x, int y, int *px)
{
    gray_bits(x, y, 2, px);
}

static void want_gray4(int x, int y, int *px)
{
    gray_bits(x, y, 4, px);
}

static void want_gray8(int x, int y, int *px)
{
    gray_bits(x, y, 8, px);
}

static void want_gray_alpha(int x, int y, int *px)
{
    gray_bits(x, y, 8, px);
    px[3] = 255 - 50 * y;
}

/* gray_key: 90 is transparent */
static void want_gray_key(int x, int y, int *px)
{
    gray_bits(x, y, 8, px);
    px[3] = px[0] == 90 ? 0 : 255;
}

static void want_palette(int x, int y, int *px)
{
    px[0] = 30 * (x + y);
    px[1] = 255 - 20 * (x + y);
    px[2] = 7 * (x + y);
    px[3] = 32 * (x + y);
}

static const struct {
    const char *name;
    int channels;
    void (*want)(int x, int y, int *px);
} FILES[] = {
    { "rgb8", 3, want_rgb },
    { "rgb16", 3, want_rgb },
    { "rgb_interlaced", 3, want_rgb },
    { "text", 3, want_rgb },
    { "rgba8", 4, want_rgba },
    { "rgba16", 4, want_rgba },
    { "rgb_key", 4, want_rgb_key },
    { "gray1", 3, want_gray1 },
    { "gray1_interlaced", 3, want_gray1 },
    { "gray2", 3, want_gray2 },
    { "gray4", 3, want_gray4 },
    { "gray8", 3, want_gray8 },
    { "gray16", 3, want_gray8 },
    { "gray_alpha8", 4, want_gray_alpha },
    { "gray_alpha16", 4, want_gray_alpha },
    { "gray_key", 4, want_gray_key },
    { "palette4", 3, want_palette },
    { "palette8", 3, want_palette },
    { "palette_alpha", 4, want_palette },
};

static void assert_picture(size_t file, const struct image *img)
{
    int px[4] = { 0 };

    assert_int_equal(img->w, W);
    assert_int_equal(img->h, H);
    assert_int_equal(img->channels, FILES[file].channels);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            FILES[file].want(x, y, px);
            for (int c = 0; c < img->channels; c++)
                if (image_row(img, y)[x * img->channels + c] != px[c])
                    fail_msg("%s: pixel %d, %d channel %d is %d, not %d", FILES[file].name, x, y, c,
                             image_row(img, y)[x * img->channels + c], px[c]);
        }
}

static void test_every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        struct image img;
        struct err e = { 0 };
        struct buf png;
        load(FILES[i].name, &png);
        assert_true(png_is(png.data, png.len));
        if (png_decode(png.data, png.len, W * H, &img, &e))
            fail_msg("%s: %s", FILES[i].name, e.msg);
        assert_picture(i, &img);
        image_release(&img);
        buf_release(&png);
    }
}

static void test_too_large(void **state)
{
    static const struct {
        const char *name, *msg;
        size_t max_pixels;
    } CASES[] = {
        { "rgb8", "png: 5 x 4 is 20 pixels, more than 19", 19 },
        { "rgb_interlaced", "png: 5 x 4 is 20 pixels, more than 0", 0 },
        { "bomb", "png: 16000 x 16000 is 256000000 pixels, more than 1000000", 1000000 },
        { "side_over", "png: 16385 x 1 has a side over 16384", 1000000 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct image img = { 0 };
        struct err e = { 0 };
        struct buf png;
        load(CASES[i].name, &png);
        assert_int_equal(png_decode(png.data, png.len, CASES[i].max_pixels, &img, &e), -1);
        assert_err(&e, ERR_TOO_LARGE, CASES[i].msg);
        assert_null(img.px);
        buf_release(&png);
    }
}

static void test_no_png(void **state)
{
    struct image img;
    struct err e = { 0 };

    (void)state;
    assert_false(png_is("\x89PNG\r\n\x1a", 7));
    assert_false(png_is("", 0));
    assert_int_equal(png_decode("GIF89a..........", 16, 100, &img, &e), -1);
    assert_err(&e, ERR_FORMAT, "png: not a PNG");
}

static void test_every_cut_is_refused(void **state)
{
    struct image img;
    struct buf png;

    (void)state;
    load("rgb_interlaced", &png);
    for (size_t n = 8; n < png.len; n++) {
        struct err e = { 0 };
        assert_int_equal(png_decode(png.data, n, 100, &img, &e), -1);
        assert_err(&e, ERR_FORMAT, "png: the file ends early");
    }
    buf_release(&png);
}

/* One flipped bit is refused, or does not touch the pixels. */
static void test_every_flip(void **state)
{
    size_t n_refused = 0;
    struct buf png;

    (void)state;
    load("rgb8", &png);
    for (size_t i = 0; i < png.len * 8; i++) {
        struct image img = { 0 };
        struct err e = { 0 };
        png.data[i / 8] ^= (char)(1 << i % 8);
        if (png_decode(png.data, png.len, 100, &img, &e) == 0) {
            assert_picture(0, &img);
            image_release(&img);
        } else {
            assert_null(img.px);
            assert_memory_equal(e.msg, "png: ", 5);
            n_refused++;
        }
        png.data[i / 8] ^= (char)(1 << i % 8);
    }
    assert_true(n_refused > png.len * 7);
    buf_release(&png);
}

static void test_words_of_damage(void **state)
{
    struct image img;
    struct err e = { 0 };
    struct buf png;

    (void)state;
    load("rgb8", &png);
    png.data[png.len - 13] ^= 1; /* IDAT's checksum, in front of the 12 bytes of IEND */
    assert_int_equal(png_decode(png.data, png.len, 100, &img, &e), -1);
    assert_err(&e, ERR_FORMAT, "png: IDAT: CRC error");
    buf_release(&png);
}

static struct image noise(int w, int h, int channels)
{
    struct image img;
    uint32_t x = 1;

    assert_int_equal(image_new(w, h, channels, &img, NULL), 0);
    for (size_t i = 0; i < image_row_bytes(&img) * (size_t)h; i++)
        img.px[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
    return img;
}

static void test_round_trip(void **state)
{
    static const int SIZES[][2] = { { 1, 1 }, { 7, 3 }, { 64, 64 }, { 333, 2 } };

    (void)state;
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++)
        for (int channels = 3; channels <= 4; channels++) {
            struct image img = noise(SIZES[i][0], SIZES[i][1], channels), back;
            struct buf png;
            buf_init(&png, 1 << 20);
            assert_int_equal(png_encode(&img, NULL, 0, &png, NULL), 0);
            assert_int_equal(png_decode(png.data, png.len, 10000, &back, NULL), 0);
            assert_int_equal(back.channels, channels);
            assert_memory_equal(back.px, img.px, image_row_bytes(&img) * (size_t)img.h);
            image_release(&img);
            image_release(&back);
            buf_release(&png);
        }
}

static void test_text(void **state)
{
    static const char *const TEXT[] = { "prompt", "a cat", "seed", "7" };
    struct image img = noise(4, 4, 3);
    struct buf one, two;

    (void)state;
    buf_init(&one, 1 << 20);
    buf_init(&two, 1 << 20);
    assert_int_equal(png_encode(&img, TEXT, 2, &one, NULL), 0);
    assert_int_equal(png_encode(&img, TEXT, 2, &two, NULL), 0);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len); /* no time stamp, no randomness */
    assert_non_null(memmem(one.data, one.len, "tEXtprompt\0a cat", 16));
    assert_non_null(memmem(one.data, one.len,
                           "tEXtseed\0"
                           "7",
                           10));
    buf_release(&one);
    buf_release(&two);
    image_release(&img);
}

/* tEXt is Latin-1; what is not ASCII goes into iTXt: key, 0, not compressed, no language, UTF-8. */
static void test_text_beyond_ascii(void **state)
{
    static const char *const TEXT[] = { "prompt", "a caf\xc3\xa9" };
    static const char WANT[] = "iTXtprompt\0\0\0\0\0a caf\xc3\xa9";
    struct image img = noise(4, 4, 3);
    struct buf png;

    (void)state;
    buf_init(&png, 1 << 20);
    assert_int_equal(png_encode(&img, TEXT, 1, &png, NULL), 0);
    assert_non_null(memmem(png.data, png.len, WANT, sizeof WANT - 1));
    assert_null(memmem(png.data, png.len, "tEXt", 4));
    buf_release(&png);
    image_release(&img);
}

static void test_encode_refused(void **state)
{
    static const char *const NO_KEY[] = { "", "a cat" };
    struct image img = noise(4, 4, 3);
    struct err e = { 0 };
    struct buf png;

    (void)state;
    buf_init(&png, 1 << 20);
    assert_int_equal(png_encode(&img, NO_KEY, 1, &png, &e), -1);
    assert_err(&e, ERR_INVALID, "png: text key '' is not 1..79 bytes long");
    assert_int_equal(png.len, 0);
    buf_release(&png);
    buf_init(&png, 50);
    assert_int_equal(png_encode(&img, NULL, 0, &png, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, "png: more than 50 bytes");
    buf_release(&png);
    image_release(&img);
}

static void test_write(void **state)
{
    struct image img = noise(9, 9, 3), back;
    struct err e = { 0 };
    struct buf png;

    (void)state;
    assert_int_equal(png_write(&img, tmp_path("a.png"), NULL), 0);
    buf_init(&png, 1 << 20);
    assert_int_equal(file_read(tmp_path("a.png"), 1 << 20, &png, NULL), 0);
    assert_int_equal(png_decode(png.data, png.len, 100, &back, NULL), 0);
    assert_memory_equal(back.px, img.px, 9 * 9 * 3);
    assert_int_equal(png_write(&img, "/nowhere/a.png", &e), -1);
    assert_err(&e, ERR_NOT_FOUND, "/nowhere/a.png: No such file or directory");
    image_release(&img);
    image_release(&back);
    buf_release(&png);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_every_kind),
    cmocka_unit_test(test_too_large),
    cmocka_unit_test(test_no_png),
    cmocka_unit_test(test_every_cut_is_refused),
    cmocka_unit_test(test_every_flip),
    cmocka_unit_test(test_words_of_damage),
    cmocka_unit_test(test_round_trip),
    cmocka_unit_test(test_text),
    cmocka_unit_test(test_text_beyond_ascii),
    cmocka_unit_test(test_encode_refused),
    cmocka_unit_test(test_write),
};

TEST_MAIN_TMP(TESTS)
