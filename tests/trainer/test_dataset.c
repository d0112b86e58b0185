/*
 * A data set's directory: what is written comes back, and a manifest that is not ours is refused
 * with the field's name.
 */
#include "tests/tmp.h"

#include <string.h>

#include "base/file.h"
#include "tests/trainer/toys.h"
#include "trainer/dataset_out.h"

static void test_comes_back(void **state)
{
    struct dataset *ds = toy_emoji_set(tmp_path("toys"));
    const struct dataset_item *item = &ds->item[7];

    (void)state;
    assert_int_equal(ds->kind, DATASET_EMOJI);
    assert_int_equal(ds->n, TOY_OBJECTS);
    assert_string_equal(item->key, "u7.png");
    assert_string_equal(item->name, "people hugging");
    assert_string_equal(item->group, "Toys");
    assert_string_equal(item->subgroup, "toy-round");
    assert_int_equal(item->n_keywords, 3);
    assert_string_equal(item->keywords[2], "kw2");
    assert_int_equal(item->n_captions, 0);
    assert_false(item->flippable);
    assert_int_equal(item->image.w, TOY_SIDE);
    assert_int_equal(item->image.channels, 4);
    assert_int_equal(image_row(&item->image, 20)[4 * 30],
                     (uint8_t)(7 * 37)); /* the disc's colour */
    assert_int_equal(image_row(&item->image, 20)[4 * 30 + 3], 255);
    assert_int_equal(image_row(&item->image, 0)[3], 0);
    dataset_close(ds);
}

/* Half the disc has the colour, the other half is half as bright: three quarters in the mean. */
static void test_mean_colour(void **state)
{
    struct dataset *ds = toy_emoji_set(tmp_path("toys"));

    (void)state;
    assert_int_equal(ds->item[1].mean_rgb[0], 28);  /* of 37, 18 */
    assert_int_equal(ds->item[1].mean_rgb[1], 113); /* of 151, 75 */
    assert_int_equal(ds->item[1].mean_rgb[2], 130); /* of 173, 86 */
    dataset_close(ds);
}

static void test_low_contrast(void **state)
{
    struct dataset *ds = toy_emoji_set(tmp_path("toys"));
    int marked = 0;

    (void)state;
    for (int i = 0; i < ds->n; i++)
        for (int b = 0; b < DATASET_BACKGROUNDS; b++) {
            int d2 = 0;
            for (int c = 0; c < 3; c++) {
                int d = ds->item[i].mean_rgb[c] - dataset_backgrounds[b].rgb[c];
                d2 += d * d;
            }
            assert_int_equal(ds->item[i].low_contrast_on >> b & 1, d2 < 3600);
            marked += d2 < 3600;
        }
    assert_true(marked > 0);
    dataset_close(ds);
}

static void test_backgrounds(void **state)
{
    (void)state;
    assert_int_equal(dataset_background_find("white"), 0);
    assert_int_equal(dataset_background_find("cyan"), 11);
    assert_int_equal(dataset_background_find("mauve"), -1);
}

/* A small set's manifest as text; buf_release. */
static struct buf small_manifest(void)
{
    struct buf text;

    dataset_close(toy_folder_set(tmp_path("small"), 2, 6, 5));
    buf_init(&text, 1 << 20);
    assert_int_equal(file_read(tmp_path("small/manifest.json"), 1 << 20, &text, NULL), 0);
    return text;
}

/* Replaces the first `from` of a good manifest and opens the set. */
static int open_changed(const char *from, const char *to, struct err *e)
{
    struct buf good = small_manifest(), bad;
    const char *at = strstr(good.data, from);
    struct dataset *ds;
    int rc;

    assert_non_null(at);
    buf_init(&bad, 1 << 20);
    buf_append(&bad, good.data, (size_t)(at - good.data));
    buf_puts(&bad, to);
    buf_puts(&bad, at + strlen(from));
    assert_int_equal(file_write(tmp_path("small/manifest.json"), bad.data, bad.len, NULL), 0);
    rc = dataset_open(tmp_path("small"), &ds, e);
    if (!rc)
        dataset_close(ds);
    buf_release(&good);
    buf_release(&bad);
    return rc;
}

static void test_malformed_manifests(void **state)
{
    static const struct {
        const char *from, *to, *words;
    } CASES[] = {
        { "clipgen-dataset", "other",
          "not a clipgen-dataset of version 1; build it with the data "
          "stage" },
        { "\"version\": 1", "\"version\": 2", "not a clipgen-dataset of version 1" },
        { "\"folder\"", "\"album\"", "kind: 'album' is not known" },
        { "\"folder\"", "\"emoji\"", "items[0]: size: 3 channels, not 4" },
        { "\"picture 0\"", "7", "items[0]: key: a string is wanted" },
        { "\"flippable\": true", "\"flippable\": 1",
          "items[0]: flippable: true or false is wanted" },
        { "\"keywords\": []", "\"keywords\": {}", "items[0]: keywords: a list of at most 64" },
        { "\"keywords\": []", "\"keywords\": [1]", "items[0]: keywords: 0 is no string" },
        { "\"held_out_on\": []", "\"held_out_on\": [\"mauve\"]",
          "items[0]: held_out_on: 0 is no background" },
        { "\"offset\": 0", "\"offset\": -1",
          "items[0]: offset: 90 bytes at -1 leave the file of 180" },
        { "\"offset\": 90", "\"offset\": 91",
          "items[1]: offset: 90 bytes at 91 leave the file of 180" },
        { "6,\n    5,", "6,\n    0,", "items[0]: size: three numbers in 1..1024 are wanted" },
        { "6,\n    5,", "1024,\n    1024,", "items[0]: offset: 3145728 bytes at 0 leave the file" },
        { "\"items\"", "\"things\"", "items: a list of 1..4000000 pictures is wanted" },
        { "{", "[", "line 2: " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct err e = { 0 };
        assert_int_equal(open_changed(CASES[i].from, CASES[i].to, &e), -1);
        assert_int_equal(e.code, ERR_FORMAT);
        if (!strstr(e.msg, CASES[i].words))
            fail_msg("'%s' does not say '%s'", e.msg, CASES[i].words);
    }
}

static void test_every_cut(void **state)
{
    struct buf text = small_manifest();

    (void)state;
    for (size_t n = 0; n + 1 < text.len; n += 7) {
        struct dataset *ds;
        assert_int_equal(file_write(tmp_path("small/manifest.json"), text.data, n, NULL), 0);
        assert_int_equal(dataset_open(tmp_path("small"), &ds, NULL), -1);
    }
    buf_release(&text);
}

static void test_unfit_pictures(void **state)
{
    struct dataset_out *out;
    struct dataset_item item = {
        .key = "k", .name = "n", .group = "", .subgroup = "", .source = ""
    };
    struct err e;

    (void)state;
    assert_int_equal(dataset_out_open(tmp_path("out"), DATASET_EMOJI, NULL, 0, &out, &e), 0);
    assert_int_equal(image_new(2000, 1, 4, &item.image, NULL), 0);
    assert_int_equal(dataset_out_add(out, &item, &e), -1);
    assert_string_equal(e.msg, "picture: 2000 x 1 with 4 channels; wanted: 4 channels, sides up to "
                               "1024");
    image_release(&item.image);
    assert_int_equal(image_new(2, 1, 4, &item.image, NULL), 0);
    item.name = "\xff";
    assert_int_equal(dataset_out_add(out, &item, &e), -1);
    assert_int_equal(e.code, ERR_INVALID);
    assert_int_equal(dataset_out_commit(out, &e), -1);
    assert_string_equal(e.msg, "not one picture");
    dataset_out_close(out);
    image_release(&item.image);
    assert_false(file_exists(tmp_path("out/manifest.json")));
    assert_false(file_exists(tmp_path("out/pictures.bin")));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_comes_back),          cmocka_unit_test(test_mean_colour),
    cmocka_unit_test(test_low_contrast),        cmocka_unit_test(test_backgrounds),
    cmocka_unit_test(test_malformed_manifests), cmocka_unit_test(test_every_cut),
    cmocka_unit_test(test_unfit_pictures),
};

TEST_MAIN_TMP(tests)
