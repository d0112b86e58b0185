/*
 * A plain folder of pictures becomes a data set: sizes, captions, and what is left out.
 */
#include "tests/tmp.h"

#include <string.h>

#include "base/file.h"
#include "base/jpeg.h"
#include "base/log.h"
#include "base/png.h"
#include "trainer/data.h"
#include "trainer/dataset.h"

static void put(const char *name, const void *data, size_t n)
{
    assert_int_equal(file_write(tmp_path(name), data, n, NULL), 0);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

/* A picture of one colour; alpha only with 4 channels. */
static struct image flat(int w, int h, int channels, const uint8_t *px)
{
    struct image img;

    assert_int_equal(image_new(w, h, channels, &img, NULL), 0);
    for (int i = 0; i < w * h; i++)
        memcpy(img.px + i * channels, px, (size_t)channels);
    return img;
}

static void put_png(const char *name, int w, int h, int channels, const uint8_t *px)
{
    struct image img = flat(w, h, channels, px);

    assert_int_equal(png_write(&img, tmp_path(name), NULL), 0);
    image_release(&img);
}

static void put_jpeg(const char *name, int w, int h, const uint8_t *px)
{
    struct image img = flat(w, h, 3, px);
    struct buf b;

    buf_init(&b, 1 << 20);
    assert_int_equal(jpeg_encode(&img, 95, NULL, &b, NULL), 0);
    put(name, b.data, b.len);
    buf_release(&b);
    image_release(&img);
}

static const uint8_t RED[4] = { 250, 10, 20, 255 }, CLEAR[4] = { 0, 0, 0, 0 };

static void make_folder(void)
{
    assert_int_equal(file_make_dirs(tmp_path("in"), NULL), 0);
    put_png("in/A_red-square.png", 200, 200, 3, RED);
    put_text("in/A_red-square.txt", "A red square\n\n  something RED  \r\n");
    put_jpeg("in/b.JPG", 300, 100, RED);
    put_png("in/c.png", 10, 12, 4, CLEAR);
    put_png("in/panorama.png", 4000, 20, 3, RED);
    put_text("in/broken.png", "\x89PNG\r\n\x1a\n and then nothing");
    put_text("in/lie.jpeg", "text");
    put_png("in/bad_words.png", 9, 9, 3, RED);
    put_text("in/bad_words.txt", "caption \xff\xfe");
    put_text("in/readme.md", "not a picture");
    put_text("in/noending", "not a picture");
}

static const struct dataset_item *find(const struct dataset *ds, const char *key)
{
    for (int i = 0; i < ds->n; i++)
        if (strcmp(ds->item[i].key, key) == 0)
            return &ds->item[i];
    fail_msg("no %s in the set", key);
    return NULL;
}

static struct dataset *build(int side_max)
{
    struct dataset *ds = NULL;
    struct err e;

    make_folder();
    if (data_build_folder(tmp_path("in"), tmp_path("out"), side_max, &e) ||
        dataset_open(tmp_path("out"), &ds, &e))
        fail_msg("%s", e.msg);
    return ds;
}

static void test_what_is_taken(void **state)
{
    struct dataset *ds = build(64);

    (void)state;
    assert_int_equal(ds->kind, DATASET_FOLDER);
    assert_int_equal(ds->n, 4); /* not the broken, the lie, the bad words, nor other files */
    find(ds, "A_red-square.png");
    find(ds, "b.JPG");
    find(ds, "c.png");
    find(ds, "panorama.png");
    dataset_close(ds);
}

static void test_sizes(void **state)
{
    static const struct {
        const char *key;
        int w, h;
    } WANT[] = {
        { "A_red-square.png", 64, 64 },
        { "b.JPG", 192, 64 },
        { "c.png", 10, 12 },          /* never enlarged */
        { "panorama.png", 1024, 20 }, /* its ends are cut */
    };
    struct dataset *ds = build(64);

    (void)state;
    for (size_t i = 0; i < sizeof WANT / sizeof *WANT; i++) {
        const struct image *img = &find(ds, WANT[i].key)->image;
        assert_int_equal(img->w, WANT[i].w);
        assert_int_equal(img->h, WANT[i].h);
        assert_int_equal(img->channels, 3);
    }
    dataset_close(ds);
}

static void test_colours(void **state)
{
    struct dataset *ds = build(64);
    const uint8_t *square = find(ds, "A_red-square.png")->image.px;
    const uint8_t *clear = find(ds, "c.png")->image.px;

    (void)state;
    assert_memory_equal(square, RED, 3);
    for (int c = 0; c < 3; c++)
        assert_int_equal(clear[c], 255); /* transparent is white */
    dataset_close(ds);
}

static void test_words(void **state)
{
    struct dataset *ds = build(64);
    const struct dataset_item *square = find(ds, "A_red-square.png"), *b = find(ds, "b.JPG");

    (void)state;
    assert_string_equal(square->name, "a red square");
    assert_int_equal(square->n_captions, 2);
    assert_string_equal(square->captions[0], "a red square");
    assert_string_equal(square->captions[1], "something red");
    assert_string_equal(b->name, "b");
    assert_int_equal(b->n_captions, 0);
    dataset_close(ds);
}

static void test_refused(void **state)
{
    char words[400];
    struct err e;

    (void)state;
    assert_int_equal(file_make_dirs(tmp_path("empty"), NULL), 0);
    assert_int_equal(data_build_folder(tmp_path("empty"), tmp_path("out2"), 64, &e), -1);
    snprintf(words, sizeof words, "%s: not one picture", tmp_path("empty"));
    assert_err(&e, ERR_INVALID, words);
    assert_int_equal(data_build_folder(tmp_path("nowhere"), tmp_path("out2"), 64, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(data_build_folder(tmp_path("in"), tmp_path("out2"), 0, &e), -1);
    assert_err(&e, ERR_INVALID, "side_max: 0 is outside 1..1024");
}

static int make(void **state)
{
    log_set_level(LOG_LEVEL_ERROR); /* the pictures left out are expected */
    return tmp_make(state);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_taken), cmocka_unit_test(test_sizes),
    cmocka_unit_test(test_colours),       cmocka_unit_test(test_words),
    cmocka_unit_test(test_refused),
};

TEST_MAIN_WITH(tests, make, tmp_remove)
