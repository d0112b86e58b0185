/*
 * Scenes: the same numbers give the same scene, nothing leaves its limits, no held-out combination
 * is trained on; and the renderer puts pixels where the scene says.
 */
#include "tests/tmp.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tests/trainer/toys.h"
#include "trainer/augment.h"
#include "trainer/dataset_out.h"
#include "trainer/resample.h"

enum { SIDE = 64, DRAWS = 20000 };

static struct dataset *ds;

static int open_toys(void **state)
{
    if (tmp_make(state))
        return -1;
    ds = toy_emoji_set(tmp_path("set"));
    return 0;
}

static int close_toys(void **state)
{
    dataset_close(ds);
    return tmp_remove(state);
}

/* Scene number i of a split, of any of its objects. */
static struct scene draw(enum split split, const struct scene_options *o, uint64_t i)
{
    struct rng r = { .seed = 5, .stream = i };
    struct scene s;
    int *objects, n;

    assert_int_equal(scene_objects(ds, split, o, &objects, &n, NULL), 0);
    scene_draw(ds, objects[rng_below(&r, (uint32_t)n)], split, o, &r, &s);
    mem_free(objects);
    return s;
}

static bool low_contrast(int object, int background)
{
    return ds->item[object].low_contrast_on >> background & 1;
}

static void assert_inside(const struct scene_place *p)
{
    assert_true(p->x - p->size / 2 >= -1e-6f && p->x + p->size / 2 <= 1 + 1e-6f);
    assert_true(p->y - p->size / 2 >= -1e-6f && p->y + p->size / 2 <= 1 + 1e-6f);
}

static void test_same_numbers_same_scene(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        struct scene a = draw(SPLIT_TRAIN, &scene_options_default, i);
        struct scene b = draw(SPLIT_TRAIN, &scene_options_default, i);
        struct scene c = draw(SPLIT_TRAIN, &scene_options_default, i + 1000);
        assert_true(toy_same_scene(&a, &b));
        assert_false(toy_same_scene(&a, &c));
    }
}

static void test_training_scenes(void **state)
{
    struct scene_options o = scene_options_default;
    int pairs = 0, backgrounds[DATASET_BACKGROUNDS] = { 0 };

    (void)state;
    o.pair_probability = 0.3;
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct scene s = draw(SPLIT_TRAIN, &o, i);
        const int objects[2] = { s.object, s.second };
        pairs += s.second >= 0;
        backgrounds[s.background]++;
        assert_int_not_equal(s.object, s.second);
        for (int k = 0; k < (s.second >= 0 ? 2 : 1); k++) {
            assert_false(dataset_combination_held_out(ds, objects[k], s.background));
            assert_false(low_contrast(objects[k], s.background));
            assert_inside(&s.at[k]);
            assert_true(!s.at[k].flip || ds->item[objects[k]].flippable);
        }
        if (s.second < 0)
            assert_true(s.at[0].size >= 0.75f && s.at[0].size <= 0.97f);
        else
            assert_true(s.at[0].x + s.at[0].size / 2 <= s.at[1].x - s.at[1].size / 2 + 1e-6f);
    }
    assert_in_range(pairs, DRAWS * 28 / 100, DRAWS * 32 / 100); /* 30 %, deviation 0.3 % */
    for (int b = 0; b < DATASET_BACKGROUNDS; b++)
        assert_true(backgrounds[b] > DRAWS / 30);
}

static void test_held_out_scenes(void **state)
{
    struct scene_options o = scene_options_default;

    (void)state;
    o.pair_probability = 1;
    for (uint64_t i = 0; i < 2000; i++) {
        struct scene s = draw(SPLIT_HELD_OUT, &o, i);
        assert_true(dataset_combination_held_out(ds, s.object, s.background));
        assert_false(low_contrast(s.object, s.background));
        assert_int_equal(s.second, -1);
        assert_inside(&s.at[0]);
    }
}

static void test_held_out_objects(void **state)
{
    struct scene_options o = scene_options_default;
    int *objects, n, held_out = 0;

    (void)state;
    for (int i = 0; i < ds->n; i++)
        held_out += ds->item[i].held_out_object;
    assert_true(held_out > 0);
    assert_int_equal(scene_objects(ds, SPLIT_TRAIN, &o, &objects, &n, NULL), 0);
    assert_int_equal(n, ds->n);
    mem_free(objects);
    o.hold_out_objects = true;
    assert_int_equal(scene_objects(ds, SPLIT_TRAIN, &o, &objects, &n, NULL), 0);
    assert_int_equal(n, ds->n - held_out);
    mem_free(objects);
    o.pair_probability = 1;
    for (uint64_t i = 0; i < 2000; i++) {
        struct scene s = draw(SPLIT_TRAIN, &o, i);
        assert_false(ds->item[s.object].held_out_object);
        assert_true(s.second < 0 || !ds->item[s.second].held_out_object);
    }
}

static void test_no_flips_when_not_asked(void **state)
{
    struct scene_options o = scene_options_default;
    int flips = 0;

    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        flips += draw(SPLIT_TRAIN, &o, i).at[0].flip;
    assert_in_range(flips, 300, 450); /* half of three quarters of the objects */
    o.flip = false;
    for (uint64_t i = 0; i < 1000; i++)
        assert_false(draw(SPLIT_TRAIN, &o, i).at[0].flip);
}

/* --- pixels --- */

static const uint8_t *pixel(const uint8_t *rgb, int x, int y)
{
    return rgb + 3 * (y * SIDE + x);
}

static void assert_colour(const uint8_t *px, const uint8_t rgb[3], int tolerance)
{
    for (int c = 0; c < 3; c++)
        assert_in_range(px[c] + 10, rgb[c] + 10 - tolerance, rgb[c] + 10 + tolerance);
}

/* The toy disc: background outside the circle, the two halves inside. */
static void test_disc_is_where_it_should_be(void **state)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    const uint8_t right[3] = { 37, 151, 173 }, left[3] = { 18, 75, 86 };
    struct scene s = { .object = 1, .second = -1, .background = 5 };

    (void)state;
    s.at[0] = (struct scene_place){ .x = 0.6f, .y = 0.45f, .size = 0.7f };
    for (int flip = 0; flip < 2; flip++) {
        float cx = 0.6f * SIDE, cy = 0.45f * SIDE, r = 0.35f * SIDE;
        s.at[0].flip = flip;
        assert_int_equal(scene_render(ds, &s, SIDE, rgb, NULL), 0);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                float dx = (float)x + 0.5f - cx, dy = (float)y + 0.5f - cy;
                float d = sqrtf(dx * dx + dy * dy);
                if (d > r + 2)
                    assert_colour(pixel(rgb, x, y), dataset_backgrounds[5].rgb, 0);
                else if (d < r - 2 && fabsf(dx) > 2)
                    assert_colour(pixel(rgb, x, y), (dx > 0) != (flip != 0) ? right : left, 1);
            }
    }
}

/* A picture whose transparent pixels hold bright green: no green may show at its edge. */
static void test_transparent_colours_never_show(void **state)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    struct image img;
    struct resample r = { .left = 3.3f, .top = 4.7f, .scale = 0.41f };

    (void)state;
    assert_int_equal(image_new(100, 100, 4, &img, NULL), 0);
    for (int i = 0; i < 100 * 100; i++) {
        bool inside = i % 100 >= 20 && i % 100 < 80 && i / 100 >= 20 && i / 100 < 80;
        const uint8_t px[4] = { inside ? 200 : 0, inside ? 0 : 255, 0, inside ? 255 : 0 };
        memcpy(img.px + 4 * i, px, 4);
    }
    memset(rgb, 0, sizeof rgb);
    assert_int_equal(resample_draw(&img, &r, SIDE, rgb, NULL), 0);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_int_equal(rgb[3 * i + 1], 0);
    image_release(&img);
}

/* What a square covers is its area, wherever it lies between pixels. */
static void test_area_is_kept(void **state)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    struct image img;

    (void)state;
    assert_int_equal(image_new(80, 80, 4, &img, NULL), 0);
    for (int i = 0; i < 80 * 80; i++)
        memset(img.px + 4 * i, i % 80 >= 10 && i % 80 < 70 && i / 80 >= 10 && i / 80 < 70 ? 255 : 0,
               4);
    for (int k = 0; k < 20; k++) {
        float scale = 0.3f + 0.021f * (float)k;
        struct resample r = { .left = 0.37f * (float)k, .top = 0.11f * (float)k, .scale = scale };
        double sum = 0, want = 60.0 * scale * 60.0 * scale;
        memset(rgb, 0, sizeof rgb);
        assert_int_equal(resample_draw(&img, &r, SIDE, rgb, NULL), 0);
        for (int i = 0; i < SIDE * SIDE; i++)
            sum += rgb[3 * i] / 255.0;
        assert_true(fabs(sum - want) < 0.01 * want); /* 8-bit rounding along the edge */
    }
    image_release(&img);
}

static void test_out_of_sight(void **state)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    struct resample r = { .left = 1000, .top = -1000, .scale = 0.5f };

    (void)state;
    assert_int_equal(resample_draw(&ds->item[0].image, &r, SIDE, rgb, NULL), 0);
    for (size_t i = 0; i < sizeof rgb; i++)
        assert_int_equal(rgb[i], 0);
}

static void test_side_is_checked(void **state)
{
    struct scene s;
    uint8_t rgb[3];
    struct err e;

    (void)state;
    scene_plain(ds, 0, 0, &s);
    assert_int_equal(scene_render(ds, &s, 0, rgb, &e), -1);
    assert_string_equal(e.msg, "side: 0 is outside 1..1024");
    assert_int_equal(scene_render(ds, &s, 1, rgb, &e), 0);
}

/* --- a folder's pictures --- */

static void test_folder_crops(void **state)
{
    struct dataset *folder = toy_folder_set(tmp_path("folder"), 30, 50, 40);
    struct scene_options o = scene_options_default;
    struct rng r = { .seed = 3 };
    struct scene s;
    int *objects, n, flips = 0;

    (void)state;
    assert_int_equal(scene_objects(folder, SPLIT_TRAIN, &o, &objects, &n, NULL), 0);
    for (int i = 0; i < n; i++)
        assert_false(folder->item[objects[i]].held_out_object);
    for (int i = 0; i < 2000; i++) {
        scene_draw(folder, objects[i % n], SPLIT_TRAIN, &o, &r, &s);
        assert_int_equal(s.background, -1);
        assert_true(s.crop >= 0.8f * 40 - 1e-3f && s.crop <= 40);
        assert_true(s.crop_x >= 0 && s.crop_x + s.crop <= 50 + 1e-3f);
        assert_true(s.crop_y >= 0 && s.crop_y + s.crop <= 40 + 1e-3f);
        flips += s.crop_flip;
    }
    assert_in_range(flips, 900, 1100);
    mem_free(objects);
    dataset_close(folder);
}

/* A crop as large as the canvas is a copy, mirrored when asked. */
static void test_folder_pixels(void **state)
{
    struct dataset *folder = toy_folder_set(tmp_path("folder2"), 1, 70, SIDE);
    const struct image *img = &folder->item[0].image;
    struct scene s = { .second = -1, .background = -1, .crop_x = 5, .crop = SIDE };
    static uint8_t rgb[SIDE * SIDE * 3];

    (void)state;
    for (int flip = 0; flip < 2; flip++) {
        s.crop_flip = flip;
        memset(rgb, 77, sizeof rgb);
        assert_int_equal(scene_render(folder, &s, SIDE, rgb, NULL), 0);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++)
                assert_memory_equal(pixel(rgb, x, y),
                                    image_row(img, y) + 3 * (5 + (flip ? SIDE - 1 - x : x)), 3);
    }
    dataset_close(folder);
}

static void test_empty_split(void **state)
{
    struct dataset *folder = toy_folder_set(tmp_path("folder3"), 1, 8, 8);
    enum split other = folder->item[0].held_out_object ? SPLIT_TRAIN : SPLIT_HELD_OUT;
    int *objects, n;
    struct err e;

    (void)state;
    assert_int_equal(scene_objects(folder, other, &scene_options_default, &objects, &n, &e), -1);
    assert_int_equal(e.code, ERR_INVALID);
    assert_string_equal(e.msg, "data set of 1 pictures: none is in the held-out split");
    dataset_close(folder);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_same_numbers_same_scene),
    cmocka_unit_test(test_training_scenes),
    cmocka_unit_test(test_held_out_scenes),
    cmocka_unit_test(test_held_out_objects),
    cmocka_unit_test(test_no_flips_when_not_asked),
    cmocka_unit_test(test_disc_is_where_it_should_be),
    cmocka_unit_test(test_transparent_colours_never_show),
    cmocka_unit_test(test_area_is_kept),
    cmocka_unit_test(test_out_of_sight),
    cmocka_unit_test(test_side_is_checked),
    cmocka_unit_test(test_folder_crops),
    cmocka_unit_test(test_folder_pixels),
    cmocka_unit_test(test_empty_split),
};

TEST_MAIN_WITH(tests, open_toys, close_toys)
