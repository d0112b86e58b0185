/*
 * Decode, fit and crop against what Pillow and torchvision made of the same files
 * (tests/data/golden/preprocess). Tolerance from its README: 8-bit values within 1 level, 99 %
 * equal.
 */
#include "tests/test.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/jpeg.h"
#include "base/png.h"

enum { SMALL = 32, LARGE = 224, PIXELS_MAX = 1 << 20 };

static const char *const PICTURES[] = { "gradient.png", "checker.png", "noise.png", "photo.jpg" };
enum { N_PICTURES = sizeof PICTURES / sizeof *PICTURES };

static const char *golden(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/tests/data/golden/preprocess/%s", test_srcdir(), name);
    return path;
}

static struct image load(const char *name)
{
    struct image img;
    struct buf b;

    buf_init(&b, 1 << 20);
    assert_int_equal(file_read(golden(name), 1 << 20, &b, NULL), 0);
    if (jpeg_is(b.data, b.len))
        assert_int_equal(jpeg_decode(b.data, b.len, PIXELS_MAX, &img, NULL), 0);
    else
        assert_int_equal(png_decode(b.data, b.len, PIXELS_MAX, &img, NULL), 0);
    buf_release(&b);
    return img;
}

/* The file's bytes of one tensor: "photo.clip32_u8" is found by its name in the JSON header. */
static const unsigned char *tensor(const struct file_map *m, const char *picture, const char *what,
                                   size_t bytes)
{
    unsigned long long header, from, to;
    char key[64];
    const char *at;

    memcpy(&header, m->data, sizeof header);
    snprintf(key, sizeof key, "\"%.*s.%s\":", (int)strcspn(picture, "."), picture, what);
    at = memmem(m->data + 8, header, key, strlen(key));
    assert_non_null(at);
    at = strstr(at, "\"data_offsets\":");
    assert_int_equal(sscanf(at, "\"data_offsets\":[%llu,%llu]", &from, &to), 2);
    assert_int_equal(to - from, bytes);
    return m->data + 8 + header + from;
}

static void open_tensors(struct file_map *m)
{
    assert_int_equal(file_map_open(golden("preprocess.safetensors"), 1 << 20, m, NULL), 0);
}

/* n values within 1 level and 99 % of them equal. */
static void assert_levels(const char *what, const uint8_t *ours, const uint8_t *theirs, size_t n)
{
    size_t n_different = 0;

    for (size_t i = 0; i < n; i++) {
        if (abs(ours[i] - theirs[i]) > 1)
            fail_msg("%s: byte %zu is %d, not %d", what, i, ours[i], theirs[i]);
        n_different += ours[i] != theirs[i];
    }
    if (n_different * 100 > n)
        fail_msg("%s: %zu of %zu bytes differ", what, n_different, n);
    print_message("%s: %zu of %zu bytes differ\n", what, n_different, n);
}

static void test_jpeg_decoder(void **state)
{
    struct image ours = load("photo.jpg"), theirs = load("photo_decoded.png");

    (void)state;
    assert_int_equal(ours.w, theirs.w);
    assert_int_equal(ours.h, theirs.h);
    assert_levels("photo.jpg", ours.px, theirs.px, image_row_bytes(&ours) * (size_t)ours.h);
    image_release(&ours);
    image_release(&theirs);
}

static void test_clip_small(void **state)
{
    struct file_map m;

    (void)state;
    open_tensors(&m);
    for (int i = 0; i < N_PICTURES; i++) {
        struct image src = load(PICTURES[i]), img;
        size_t n = SMALL * SMALL * 3;
        assert_int_equal(image_fit_square(&src, SMALL, IMAGE_BICUBIC, &img, NULL), 0);
        assert_levels(PICTURES[i], img.px, tensor(&m, PICTURES[i], "clip32_u8", n), n);
        image_release(&src);
        image_release(&img);
    }
    file_map_close(&m);
}

static void test_clip_large(void **state)
{
    (void)state;
    for (int i = 0; i < N_PICTURES; i++) {
        struct image src = load(PICTURES[i]), img, theirs;
        char name[64];
        snprintf(name, sizeof name, "%.*s_clip224.png", (int)strcspn(PICTURES[i], "."),
                 PICTURES[i]);
        theirs = load(name);
        assert_int_equal(image_fit_square(&src, LARGE, IMAGE_BICUBIC, &img, NULL), 0);
        assert_levels(name, img.px, theirs.px, LARGE * LARGE * 3);
        image_release(&src);
        image_release(&img);
        image_release(&theirs);
    }
}

/* [3, SMALL, SMALL] in [-1, 1] to bytes of [SMALL, SMALL, 3]. */
static void to_bytes(const unsigned char *tensor_data, uint8_t *bytes)
{
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < SMALL * SMALL; i++) {
            float v;
            memcpy(&v, tensor_data + (c * SMALL * SMALL + i) * sizeof v, sizeof v);
            bytes[i * 3 + c] = (uint8_t)lrintf((v + 1) * 127.5f);
        }
}

static void test_vqgan(void **state)
{
    uint8_t theirs[SMALL * SMALL * 3];
    struct file_map m;

    (void)state;
    open_tensors(&m);
    for (int i = 0; i < N_PICTURES; i++) {
        struct image src = load(PICTURES[i]), img;
        assert_int_equal(image_fit_square(&src, SMALL, IMAGE_BILINEAR, &img, NULL), 0);
        to_bytes(tensor(&m, PICTURES[i], "vqgan32", sizeof theirs * sizeof(float)), theirs);
        assert_levels(PICTURES[i], img.px, theirs, sizeof theirs);
        image_release(&src);
        image_release(&img);
    }
    file_map_close(&m);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_jpeg_decoder),
    cmocka_unit_test(test_clip_small),
    cmocka_unit_test(test_clip_large),
    cmocka_unit_test(test_vqgan),
};

TEST_MAIN(TESTS)
