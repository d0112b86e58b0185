#include "tests/tmp.h"

#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "tests/trainer/toys.h"
#include "trainer/augment.h"
#include "trainer/judge.h"

static struct dataset *ds;

static struct image flat(int side, const uint8_t rgb[3])
{
    struct image img;

    assert_int_equal(image_new(side, side, 3, &img, NULL), 0);
    for (int i = 0; i < side * side; i++)
        memcpy(img.px + 3 * i, rgb, 3);
    return img;
}

static void add_noise(struct image *img, int most)
{
    for (size_t i = 0; i < (size_t)img->h * image_row_bytes(img); i++) {
        int v = img->px[i] + (int)(rng_uniform_at(1, 2, i) * (float)(2 * most + 1)) - most;
        img->px[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

/* An object as training shows it, on a background. */
static struct image drawn(int object, int background, int side)
{
    struct image img;
    struct scene scene;

    assert_int_equal(image_new(side, side, 3, &img, NULL), 0);
    scene_plain(ds, object, background, &scene);
    assert_int_equal(scene_render(ds, &scene, side, img.px, NULL), 0);
    return img;
}

static void test_background(void **state)
{
    (void)state;
    for (int b = 0; b < DATASET_BACKGROUNDS; b++)
        for (int side = 16; side <= 64; side += 24) {
            struct image img = drawn(b, b, side);
            add_noise(&img, 12);
            assert_int_equal(judge_background(&img), b);
            image_release(&img);
        }
}

/* An object that reaches over a third of the border changes nothing: the median is asked. */
static void test_background_touched(void **state)
{
    struct image img = flat(64, dataset_backgrounds[7].rgb);

    (void)state;
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < (y < 2 || y >= 62 ? 64 : 0); x++)
            memcpy(image_row(&img, y) + 3 * x, dataset_backgrounds[y < 2 ? 4 : 7].rgb, 3);
    assert_int_equal(judge_background(&img), 7);
    image_release(&img);
}

/* Colours between the named ones belong to the nearest. */
static void test_background_nearest(void **state)
{
    static const struct {
        uint8_t rgb[3];
        const char *name;
    } CASES[] = {
        { { 255, 255, 255 }, "white" }, { { 0, 0, 0 }, "black" },    { { 255, 0, 0 }, "red" },
        { { 60, 150, 60 }, "green" },   { { 40, 80, 255 }, "blue" }, { { 120, 120, 120 }, "gray" },
        { { 90, 60, 30 }, "brown" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct image img = flat(20, CASES[i].rgb);
        assert_string_equal(dataset_backgrounds[judge_background(&img)].name, CASES[i].name);
        image_release(&img);
    }
}

static int rank_of(struct judge *j, const struct image *img, int object, int background)
{
    struct err e;
    int rank = judge_object_rank(j, img, object, background, &e);

    if (rank < 0)
        fail_msg("%s", e.msg);
    return rank;
}

static void test_own_picture_is_nearest(void **state)
{
    struct judge *j;

    (void)state;
    assert_int_equal(judge_new(ds, &j, NULL), 0);
    for (int object = 0; object < ds->n; object += 7)
        for (int b = 0; b < DATASET_BACKGROUNDS; b += 4) {
            struct image img = drawn(object, b, 64);
            add_noise(&img, 20);
            assert_int_equal(rank_of(j, &img, object, b), 0);
            image_release(&img);
        }
    judge_free(j);
}

/* Another object's picture: that object is nearer, and exactly one object is nearest. */
static void test_ranks_are_an_order(void **state)
{
    struct judge *j;
    struct image img = drawn(3, 0, 48);
    int seen[TOY_OBJECTS] = { 0 };

    (void)state;
    assert_int_equal(judge_new(ds, &j, NULL), 0);
    add_noise(&img, 3);
    assert_int_equal(rank_of(j, &img, 3, 0), 0);
    for (int object = 0; object < ds->n; object++) {
        int rank = rank_of(j, &img, object, 0);
        assert_in_range(rank, 0, ds->n - 1);
        seen[rank]++;
    }
    for (int rank = 0; rank < ds->n; rank++)
        assert_int_equal(seen[rank], 1);
    image_release(&img);
    judge_free(j);
}

static int make(void **state)
{
    if (tmp_make(state))
        return -1;
    ds = toy_emoji_set(tmp_dir);
    return 0;
}

static int unmake(void **state)
{
    dataset_close(ds);
    return tmp_remove(state);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_background),         cmocka_unit_test(test_background_touched),
    cmocka_unit_test(test_background_nearest), cmocka_unit_test(test_own_picture_is_nearest),
    cmocka_unit_test(test_ranks_are_an_order),
};

TEST_MAIN_WITH(tests, make, unmake)
