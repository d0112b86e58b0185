/*
 * Every stage learns: on a data set of toys its loss falls clearly within a few dozen steps.
 */
#include "tests/tmp.h"
#include "tests/trainer/recipe.h"

#include "trainer/step_clip.h"
#include "trainer/step_gpt.h"
#include "trainer/step_vqgan.h"

static struct recipe recipe;

static void assert_falls(const char *stage, int lines, double first_min, double last_max)
{
    double first = recipe_metric(&recipe, stage, "loss", 0, 5);
    double last = recipe_metric(&recipe, stage, "loss", lines - 5, lines);

    print_message("%s: loss %.3f -> %.3f\n", stage, first, last);
    assert_true(first > first_min);
    assert_true(last < last_max);
}

static void test_clip(void **state)
{
    (void)state;
    recipe_set(&recipe, "clip_steps", "80");
    recipe_set(&recipe, "clip_rate", "5e-3");
    assert_true(recipe_run(&recipe, stage_clip));
    assert_falls("clip", 80, 2, 1.2); /* chance is ln 8 = 2.08 */
    assert_true(recipe_metric(&recipe, "clip", "top1", 70, 80) > 0.5);
}

static void test_vqgan(void **state)
{
    (void)state;
    recipe_set(&recipe, "vqgan_steps", "80");
    recipe_set(&recipe, "vqgan_rate", "5e-3");
    recipe_set(&recipe, "gan_weight", "0");
    assert_true(recipe_run(&recipe, stage_vqgan));
    assert_falls("vqgan", 80, 0.5, 0.3);
    assert_true(recipe_metric(&recipe, "vqgan", "psnr", 75, 80) >
                recipe_metric(&recipe, "vqgan", "psnr", 0, 5) + 3);
}

/* On the tokens of the VQGAN above, under the embeddings of the CLIP above. */
static void test_gpt(void **state)
{
    (void)state;
    recipe_set(&recipe, "gpt_steps", "80");
    recipe_set(&recipe, "gpt_rate", "5e-3");
    recipe_set(&recipe, "gpt_dropout", "0");
    assert_true(recipe_run(&recipe, stage_gpt));
    assert_falls("gpt", 80, 3, 2.5); /* chance is ln 32 = 3.47 */
}

static int make(void **state)
{
    if (tmp_make(state))
        return -1;
    recipe_open(&recipe, tmp_path("work"));
    return 0;
}

static int unmake(void **state)
{
    recipe_close(&recipe);
    return tmp_remove(state);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_clip),
    cmocka_unit_test(test_vqgan),
    cmocka_unit_test(test_gpt),
};

TEST_MAIN_WITH(tests, make, unmake)
