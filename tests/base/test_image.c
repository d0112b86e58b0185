/*
 * Cutting, drawing and resizing pictures whose result is plain arithmetic. Pillow's results:
 * test_preprocess.
 */
#include "tests/test.h"

#include <string.h>

#include "base/image.h"
#include "base/mem.h"

/* A picture whose byte i is i * 7. */
static struct image pattern(int w, int h, int channels)
{
    struct image img;

    assert_int_equal(image_new(w, h, channels, &img, NULL), 0);
    for (size_t i = 0; i < image_row_bytes(&img) * (size_t)h; i++)
        img.px[i] = (uint8_t)(i * 7);
    return img;
}

static struct image flat(int w, int h, int channels, const uint8_t *colour)
{
    struct image img;

    assert_int_equal(image_new(w, h, channels, &img, NULL), 0);
    for (int i = 0; i < w * h; i++)
        memcpy(img.px + i * channels, colour, (size_t)channels);
    return img;
}

static const uint8_t *at(const struct image *img, int x, int y)
{
    return image_row(img, y) + x * img->channels;
}

static void assert_pixel(const struct image *img, int x, int y, int r, int g, int b)
{
    const uint8_t *p = at(img, x, y);

    assert_int_equal(p[0], r);
    assert_int_equal(p[1], g);
    assert_int_equal(p[2], b);
}

static void test_new_refused(void **state)
{
    static const struct {
        int w, h, channels;
        const char *msg;
    } CASES[] = {
        { 0, 1, 3, "image: 0 x 1 is outside 1..16384" },
        { 1, -1, 3, "image: 1 x -1 is outside 1..16384" },
        { 16385, 1, 3, "image: 16385 x 1 is outside 1..16384" },
        { 1, 1, 1, "image: 1 channels, not 3 or 4" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct image img = { 0 };
        struct err e = { 0 };
        assert_int_equal(image_new(CASES[i].w, CASES[i].h, CASES[i].channels, &img, &e), -1);
        assert_err(&e, ERR_INVALID, CASES[i].msg);
        assert_null(img.px);
    }
}

static void test_check_size(void **state)
{
    struct err e = { 0 };

    (void)state;
    assert_int_equal(image_check_size(16384, 2, 32768, &e), 0);
    assert_int_equal(image_check_size(16384, 2, 32767, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, "16384 x 2 is 32768 pixels, more than 32767");
    assert_int_equal(image_check_size(16385, 1, SIZE_MAX, &e), -1);
    assert_err(&e, ERR_TOO_LARGE, "16385 x 1 has a side over 16384");
    assert_int_equal(image_check_size(UINT32_MAX, UINT32_MAX, SIZE_MAX, &e), -1);
    assert_int_equal(e.code, ERR_TOO_LARGE);
}

static void test_out_of_memory(void **state)
{
    struct image src = pattern(8, 8, 4), img = { 0 };
    int n = 0, status = -1;

    (void)state;
    while (status) { /* each allocation of a resize fails once; none leaks (address sanitizer) */
        struct err e = { 0 };
        mem_fail_after(++n);
        status = image_resize(&src, 5, 5, IMAGE_BICUBIC, &img, &e);
        mem_fail_after(0);
        if (status)
            assert_int_equal(e.code, ERR_NOMEM);
    }
    assert_in_range(n, 10, 20);
    image_release(&img);
    image_release(&src);
}

static void test_copy_and_crop(void **state)
{
    struct image src = pattern(5, 4, 3), img;

    (void)state;
    assert_int_equal(image_copy(&src, &img, NULL), 0);
    assert_memory_equal(img.px, src.px, 60);
    image_release(&img);
    assert_int_equal(image_crop(&src, 1, 2, 3, 2, &img, NULL), 0);
    assert_int_equal(img.w, 3);
    assert_int_equal(img.h, 2);
    for (int y = 0; y < 2; y++)
        assert_memory_equal(image_row(&img, y), at(&src, 1, 2 + y), 9);
    image_release(&img);
    image_release(&src);
    assert_null(src.px);
}

static void test_crop_refused(void **state)
{
    static const int CASES[][4] = { { -1, 0, 1, 1 }, { 0, -1, 1, 1 }, { 0, 0, 6, 1 },
                                    { 5, 0, 1, 1 },  { 0, 3, 1, 2 },  { 0, 0, 0, 1 } };
    struct image src = pattern(5, 4, 3), img;
    struct err e = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(
            image_crop(&src, CASES[i][0], CASES[i][1], CASES[i][2], CASES[i][3], &img, &e), -1);
    assert_int_equal(image_crop(&src, 3, 1, 3, 2, &img, &e), -1);
    assert_err(&e, ERR_INVALID, "image: crop 3 x 2 at 3, 1 leaves the 5 x 4 picture");
    assert_int_equal(image_crop_centre(&src, 5, &img, &e), -1);
    assert_err(&e, ERR_INVALID, "image: crop 5 x 5 at 0, 0 leaves the 5 x 4 picture");
    image_release(&src);
}

/* torchvision's CenterCrop: the margin is halved with Python's round(), halves to even. */
static void test_crop_centre(void **state)
{
    static const int CASES[][3] = { /* width, side, left */
                                    { 4, 2, 1 }, { 5, 2, 2 }, { 5, 4, 0 },
                                    { 7, 4, 2 }, { 9, 4, 2 }, { 11, 4, 4 }
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct image src = pattern(CASES[i][0], 4, 3), img;
        int side = CASES[i][1];
        assert_int_equal(image_crop_centre(&src, side, &img, NULL), 0);
        assert_memory_equal(img.px, at(&src, CASES[i][2], (4 - side) / 2), (size_t)side * 3);
        image_release(&img);
        image_release(&src);
    }
}

static void test_flatten(void **state)
{
    static const uint8_t WHITE[3] = { 255, 255, 255 };
    uint8_t px[] = { 10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 51 };
    struct image src = { 3, 1, 4, px }, img;

    (void)state;
    assert_int_equal(image_flatten(&src, WHITE, &img, NULL), 0);
    assert_int_equal(img.channels, 3);
    assert_pixel(&img, 0, 0, 10, 20, 30);
    assert_pixel(&img, 1, 0, 255, 255, 255);
    assert_pixel(&img, 2, 0, 206, 208, 210); /* a fifth of the colour, four fifths of white */
    image_release(&img);
}

static void test_draw_is_cut(void **state)
{
    static const uint8_t BLACK[3] = { 0 }, RED[3] = { 255, 0, 0 };
    static const int PLACES[][2] = { { 0, 0 },  { -1, -1 }, { 3, 2 },  { -2, 0 },
                                     { 0, -2 }, { 4, 4 },   { -9, 1 }, { 1, 9 } };
    struct image red = flat(2, 2, 3, RED);

    (void)state;
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        struct image img = flat(4, 3, 3, BLACK);
        int left = PLACES[i][0], top = PLACES[i][1];
        image_draw(&img, &red, left, top);
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 4; x++)
                assert_pixel(&img, x, y,
                             x >= left && x < left + 2 && y >= top && y < top + 2 ? 255 : 0, 0, 0);
        image_release(&img);
    }
    image_release(&red);
}

static void test_grid(void **state)
{
    static const uint8_t COLOURS[3][3] = { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } };
    struct image imgs[3], sheet;

    (void)state;
    for (int i = 0; i < 3; i++)
        imgs[i] = flat(2, 1, 3, COLOURS[i]);
    assert_int_equal(image_grid(imgs, 3, 2, 1, &sheet, NULL), 0);
    assert_int_equal(sheet.w, 5);
    assert_int_equal(sheet.h, 3);
    assert_pixel(&sheet, 0, 0, 1, 2, 3);
    assert_pixel(&sheet, 2, 0, 255, 255, 255);
    assert_pixel(&sheet, 4, 0, 4, 5, 6);
    assert_pixel(&sheet, 4, 1, 255, 255, 255);
    assert_pixel(&sheet, 1, 2, 7, 8, 9);
    assert_pixel(&sheet, 4, 2, 255, 255, 255);
    image_release(&sheet);
    assert_int_equal(image_grid(imgs, 2, 9, 0, &sheet, NULL), 0); /* no empty columns */
    assert_int_equal(sheet.w, 4);
    image_release(&sheet);
    for (int i = 0; i < 3; i++)
        image_release(&imgs[i]);
}

static void test_grid_refused(void **state)
{
    struct image imgs[2] = { pattern(3, 2, 3), pattern(2, 3, 3) }, sheet;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(image_grid(imgs, 2, 2, 0, &sheet, &e), -1);
    assert_err(&e, ERR_INVALID, "image: picture 1 of the grid is 2 x 3, the first 3 x 2");
    assert_int_equal(image_grid(imgs, 0, 2, 0, &sheet, &e), -1);
    assert_err(&e, ERR_INVALID, "image: no grid of 0 pictures in 2 columns, gap 0");
    assert_int_equal(image_grid(imgs, 1, 1, -1, &sheet, &e), -1);
    assert_err(&e, ERR_INVALID, "image: no grid of 1 pictures in 1 columns, gap -1");
    image_release(&imgs[0]);
    image_release(&imgs[1]);
}

static void test_resize_same_is_copy(void **state)
{
    struct image src = pattern(6, 5, 4), img;

    (void)state;
    assert_int_equal(image_resize(&src, 6, 5, IMAGE_BICUBIC, &img, NULL), 0);
    assert_memory_equal(img.px, src.px, 6 * 5 * 4);
    image_release(&img);
    image_release(&src);
}

/* Halving with a box is the mean of four, rounded once a pass. */
static void test_resize_box(void **state)
{
    uint8_t px[] = { 0, 0, 0, 4, 8, 100, 10, 20, 30, 20, 30, 51 };
    struct image src = { 2, 2, 3, px }, img;

    (void)state;
    assert_int_equal(image_resize(&src, 1, 1, IMAGE_BOX, &img, NULL), 0);
    assert_pixel(&img, 0, 0, (2 + 15 + 1) / 2, (4 + 25 + 1) / 2, (50 + 41 + 1) / 2);
    image_release(&img);
}

/* Whatever the filter and scale, weights sum to one. */
static void test_resize_keeps_flat(void **state)
{
    static const uint8_t COLOUR[3] = { 0, 131, 255 };
    static const int SIZES[][4] = {
        { 7, 5, 3, 11 }, { 100, 3, 7, 1 }, { 1, 1, 9, 9 }, { 13, 17, 13, 4 }, { 2, 300, 31, 299 }
    };

    (void)state;
    for (int filter = IMAGE_BOX; filter <= IMAGE_BICUBIC; filter++)
        for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
            struct image src = flat(SIZES[i][0], SIZES[i][1], 3, COLOUR), img;
            assert_int_equal(
                image_resize(&src, SIZES[i][2], SIZES[i][3], (enum image_filter)filter, &img, NULL),
                0);
            for (int p = 0; p < img.w * img.h; p++)
                assert_memory_equal(img.px + 3 * p, COLOUR, 3);
            image_release(&img);
            image_release(&src);
        }
}

/* The colour of a pixel that cannot be seen does not bleed into its neighbour. */
static void test_resize_alpha(void **state)
{
    uint8_t px[] = { 200, 100, 50, 255, 0, 255, 0, 0 };
    struct image src = { 2, 1, 4, px }, img;

    (void)state;
    assert_int_equal(image_resize(&src, 1, 1, IMAGE_BOX, &img, NULL), 0);
    assert_int_equal(img.px[3], 128);
    assert_in_range(img.px[0], 198, 200);
    assert_in_range(img.px[1], 99, 100);
    assert_in_range(img.px[2], 49, 50);
    image_release(&img);
}

static void test_resize_refused(void **state)
{
    struct image src = pattern(6, 5, 3), img;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(image_resize(&src, 0, 5, IMAGE_BOX, &img, &e), -1);
    assert_err(&e, ERR_INVALID, "image: 0 x 5 is outside 1..16384");
    assert_int_equal(image_resize(&src, 6, 20000, IMAGE_BOX, &img, &e), -1);
    assert_err(&e, ERR_INVALID, "image: 6 x 20000 is outside 1..16384");
    assert_int_equal(image_fit_square(&src, 0, IMAGE_BOX, &img, &e), -1);
    assert_err(&e, ERR_INVALID, "image: side 0 is outside 1..16384");
    image_release(&src);
}

static void test_fit_square(void **state)
{
    static const int SIZES[][2] = { { 8, 8 }, { 331, 257 }, { 3, 500 }, { 500, 3 }, { 32, 33 } };

    (void)state;
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        struct image src = pattern(SIZES[i][0], SIZES[i][1], 3), img;
        assert_int_equal(image_fit_square(&src, 32, IMAGE_BILINEAR, &img, NULL), 0);
        assert_int_equal(img.w, 32);
        assert_int_equal(img.h, 32);
        image_release(&img);
        image_release(&src);
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_new_refused),
    cmocka_unit_test(test_check_size),
    cmocka_unit_test(test_out_of_memory),
    cmocka_unit_test(test_copy_and_crop),
    cmocka_unit_test(test_crop_refused),
    cmocka_unit_test(test_crop_centre),
    cmocka_unit_test(test_flatten),
    cmocka_unit_test(test_draw_is_cut),
    cmocka_unit_test(test_grid),
    cmocka_unit_test(test_grid_refused),
    cmocka_unit_test(test_resize_same_is_copy),
    cmocka_unit_test(test_resize_box),
    cmocka_unit_test(test_resize_keeps_flat),
    cmocka_unit_test(test_resize_alpha),
    cmocka_unit_test(test_resize_refused),
    cmocka_unit_test(test_fit_square),
};

TEST_MAIN(TESTS)
