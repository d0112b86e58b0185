#include "tests/tmp.h"

#include <string.h>

#include "tests/trainer/toys.h"
#include "trainer/twins.h"

enum { BATCH = 24, SIDE = 32, GRID = 4, PATCH = SIDE / GRID, PIXELS = SIDE * SIDE * 3 };

static struct dataset *ds;
static struct scene scenes[BATCH];
static uint8_t pixels[BATCH * PIXELS];
static const struct batch batch = { .pixels = pixels, .scenes = scenes };

static int open_set(void **state)
{
    struct scene_options o = scene_options_default;

    tmp_make(state);
    ds = toy_emoji_set(tmp_dir);
    o.pair_probability = 0.5;
    for (int i = 0; i < BATCH; i++) {
        struct rng r = { 3, (uint64_t)i, 0 };
        scene_draw(ds, i, SPLIT_TRAIN, &o, &r, &scenes[i]);
        assert_int_equal(scene_render(ds, &scenes[i], SIDE, pixels + i * PIXELS, NULL), 0);
    }
    return 0;
}

static int close_set(void **state)
{
    dataset_close(ds);
    return tmp_remove(state);
}

static void make(struct twins *t, uint64_t seed)
{
    struct rng r = { seed, 0, 0 };

    assert_int_equal(twins_init(t, ds, &scene_options_default, BATCH, SIDE, GRID, 4, NULL), 0);
    assert_int_equal(twins_make(t, &batch, &r, NULL), 0);
}

/* The background that the scene of picture i would have to stand on to look like this; -1: none. */
static int background_of(int i, const uint8_t *twin)
{
    static uint8_t rgb[PIXELS];

    for (int b = 0; b < DATASET_BACKGROUNDS; b++) {
        struct scene s = scenes[i];
        s.background = b;
        assert_int_equal(scene_render(ds, &s, SIDE, rgb, NULL), 0);
        if (!memcmp(rgb, twin, PIXELS))
            return b;
    }
    return -1;
}

static bool may_stand_on(int object, int background)
{
    return object < 0 ||
           scene_backgrounds(ds, object, SPLIT_TRAIN, &scene_options_default) >> background & 1;
}

/* The same scene on another background, which training may show. */
static void test_other_background(void **state)
{
    struct twins t;
    int others = 0;

    (void)state;
    make(&t, 1);
    for (int i = 0; i < BATCH; i++) {
        int b = background_of(i, t.pixels + i * PIXELS);
        assert_true(b >= 0);
        assert_true(may_stand_on(scenes[i].object, b) && may_stand_on(scenes[i].second, b));
        others += b != scenes[i].background;
    }
    assert_true(others > BATCH * 3 / 4); /* some pairs have one background in common */
    twins_release(&t);
}

static void test_patches_that_differ(void **state)
{
    struct twins t;
    int same = 0;

    (void)state;
    make(&t, 1);
    for (int i = 0; i < BATCH * GRID * GRID; i++) {
        int picture = i / (GRID * GRID), x = i % GRID * PATCH, y = i / GRID % GRID * PATCH;
        int different = 0;
        for (int row = y; row < y + PATCH; row++)
            for (int at = x * 3; at < (x + PATCH) * 3; at++) {
                int p = picture * PIXELS + row * SIDE * 3 + at;
                different |= t.pixels[p] != pixels[p];
            }
        assert_int_equal(t.differs[i], different);
        same += !different;
    }
    assert_true(same > 0 && same < BATCH * GRID * GRID);
    twins_release(&t);
}

static void test_random_numbers_decide(void **state)
{
    struct twins a, b, c;

    (void)state;
    make(&a, 1);
    make(&b, 1);
    make(&c, 2);
    assert_memory_equal(a.pixels, b.pixels, BATCH * PIXELS);
    assert_memory_not_equal(a.pixels, c.pixels, BATCH * PIXELS);
    twins_release(&a);
    twins_release(&b);
    twins_release(&c);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_other_background),
    cmocka_unit_test(test_patches_that_differ),
    cmocka_unit_test(test_random_numbers_decide),
};

TEST_MAIN_WITH(tests, open_set, close_set)
