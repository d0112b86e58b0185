/*
 * What the frozen networks see in pictures: the same in any company, and remembered where it can
 * be.
 */
#include "tests/tmp.h"
#include "tests/trainer/recipe.h"

#include <string.h>

#include "trainer/look.h"
#include "trainer/step_clip.h"
#include "trainer/step_vqgan.h"

#define BATCH 7
#define PIXELS (16 * 16 * 3)

static struct recipe recipe;
static struct dataset *ds;
static struct bundle *bundle;

static int open_recipe(void **state)
{
    tmp_make(state);
    recipe_open(&recipe, tmp_path("look"));
    assert_true(recipe_run(&recipe, stage_clip) && recipe_run(&recipe, stage_vqgan));
    assert_int_equal(stage_open_dataset(&recipe.stage, &ds, NULL), 0);
    assert_int_equal(stage_open_frozen(&recipe.stage, &bundle, NULL), 0);
    return 0;
}

static int close_recipe(void **state)
{
    bundle_close(bundle);
    dataset_close(ds);
    recipe_close(&recipe);
    return tmp_remove(state);
}

/* Scenes of object `first` and those after it, their pixels rendered. */
struct pictures {
    struct scene scenes[BATCH];
    uint8_t pixels[BATCH * PIXELS];
    struct batch batch;
};

static void render(struct pictures *p, int i)
{
    assert_int_equal(scene_render(ds, &p->scenes[i], 16, p->pixels + i * PIXELS, NULL), 0);
}

static void plain_scenes(struct pictures *p, int first)
{
    p->batch = (struct batch){ .pixels = p->pixels, .scenes = p->scenes };
    for (int i = 0; i < BATCH; i++) {
        scene_plain(ds, first + i, (first + i) % DATASET_BACKGROUNDS, &p->scenes[i]);
        render(p, i);
    }
}

static struct look *look_warm(float temperature)
{
    struct look *l;

    assert_int_equal(look_new(bundle, ds, 16, BATCH, temperature, &l, NULL), 0);
    return l;
}

static struct look *look_open(void)
{
    return look_warm(0);
}

/* Copies of what was seen: [BATCH, 16] tokens, [BATCH, 16] features. */
struct sight {
    int32_t tokens[BATCH * 16];
    float features[BATCH * 16];
    double flops;
};

static void look_drawing(struct look *l, const struct pictures *p, struct rng *r, struct sight *ret)
{
    const int32_t *tokens;
    const float *features;

    assert_int_equal(look_at(l, &p->batch, r, &tokens, &features, &ret->flops, NULL), 0);
    memcpy(ret->tokens, tokens, sizeof ret->tokens);
    memcpy(ret->features, features, sizeof ret->features);
}

static void look(struct look *l, const struct pictures *p, struct sight *ret)
{
    look_drawing(l, p, NULL, ret);
}

static void assert_row_equal(const struct sight *a, int i, const struct sight *b, int j)
{
    assert_memory_equal(a->tokens + i * 16, b->tokens + j * 16, 16 * sizeof(int32_t));
    assert_memory_equal(a->features + i * 16, b->features + j * 16, 16 * sizeof(float));
}

/* Two pictures may have the same tokens with networks so young: features tell all of them apart. */
static void test_sees_pictures(void **state)
{
    struct pictures p;
    struct sight seen;
    struct look *l = look_open();

    (void)state;
    plain_scenes(&p, 0);
    look(l, &p, &seen);
    for (int i = 0; i < BATCH; i++)
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(seen.features + i * 16, seen.features + j * 16,
                                    16 * sizeof(float));
    look_free(l);
}

/* The second time, plain pictures cost nothing, and their pixels are not looked at. */
static void test_remembers_plain(void **state)
{
    struct pictures p;
    struct sight first, again;
    struct look *l = look_open();

    (void)state;
    plain_scenes(&p, 0);
    look(l, &p, &first);
    assert_true(first.flops > 0);
    memset(p.pixels, 0, sizeof p.pixels);
    look(l, &p, &again);
    assert_true(again.flops == 0);
    for (int i = 0; i < BATCH; i++)
        assert_row_equal(&first, i, &again, i);
    look_free(l);
}

static void test_forgets_others(void **state)
{
    struct pictures p;
    struct sight first, again;
    struct look *l = look_open();

    (void)state;
    plain_scenes(&p, 0);
    for (int i = 0; i < BATCH; i++) {
        p.scenes[i].plain = false;
        p.scenes[i].at[0].x = 0.4f;
        render(&p, i);
    }
    look(l, &p, &first);
    p.scenes[3].background = (p.scenes[3].background + 1) % DATASET_BACKGROUNDS;
    render(&p, 3);
    look(l, &p, &again);
    assert_true(again.flops == first.flops);
    for (int i = 0; i < BATCH; i++)
        if (i != 3)
            assert_row_equal(&first, i, &again, i);
    assert_memory_not_equal(first.features + 3 * 16, again.features + 3 * 16, 16 * sizeof(float));
    look_free(l);
}

/* Objects 3.. are looked at in other groups where 0.. are known already. */
static void test_company_does_not_matter(void **state)
{
    struct pictures a, b;
    struct sight alone, after, unused;
    struct look *fresh = look_open(), *used = look_open();

    (void)state;
    plain_scenes(&a, 0);
    plain_scenes(&b, 3);
    look(fresh, &b, &alone);
    look(used, &a, &unused);
    look(used, &b, &after);
    assert_true(after.flops > 0 && after.flops < alone.flops);
    for (int i = 0; i < BATCH; i++)
        assert_row_equal(&alone, i, &after, i);
    look_free(fresh);
    look_free(used);
}

static int tokens_apart(const struct sight *a, const struct sight *b)
{
    int n = 0;

    for (int i = 0; i < BATCH * 16; i++)
        n += a->tokens[i] != b->tokens[i];
    return n;
}

/* Warm, other numbers draw other tokens, of what is remembered too; without numbers, and cold,
 * tokens are the nearest codes. */
static void test_draws_tokens(void **state)
{
    struct pictures p;
    struct sight nearest, warm, again, other, without;
    struct look *cold = look_open(), *l = look_warm(0.5f);
    struct rng r1 = { 1, 1, 0 }, r1_again = { 1, 1, 0 }, r2 = { 2, 1, 0 };

    (void)state;
    plain_scenes(&p, 0);
    look(cold, &p, &nearest);
    look_drawing(l, &p, &r1, &warm);
    look_drawing(l, &p, &r1_again, &again);
    look_drawing(l, &p, &r2, &other);
    look(l, &p, &without);
    assert_int_equal(tokens_apart(&nearest, &without), 0);
    assert_int_equal(tokens_apart(&warm, &again), 0);
    assert_true(tokens_apart(&warm, &nearest) > 0);
    assert_true(tokens_apart(&warm, &other) > 0);
    look_free(cold);
    look_free(l);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sees_pictures),  cmocka_unit_test(test_remembers_plain),
    cmocka_unit_test(test_forgets_others), cmocka_unit_test(test_company_does_not_matter),
    cmocka_unit_test(test_draws_tokens),
};

TEST_MAIN_WITH(tests, open_recipe, close_recipe)
