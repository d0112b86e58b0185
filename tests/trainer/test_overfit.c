/*
 * Every stage learns: on a data set of toys its loss falls clearly within a few dozen steps.
 */
#include "tests/model/tiny_lpips.h"
#include "tests/tmp.h"
#include "tests/trainer/recipe.h"

#include "trainer/step_clip.h"
#include "trainer/step_gpt.h"
#include "trainer/step_vqgan.h"

static struct recipe recipe;

struct setting {
    const char *key, *value;
};

/* Trains a stage and returns how its loss ends; it starts worse than first_min. */
static double train(const char *name, recipe_stage *stage, const struct setting *settings, int n,
                    double first_min)
{
    for (int i = 0; i < n; i++)
        recipe_set(&recipe, settings[i].key, settings[i].value);
    assert_true(recipe_run(&recipe, stage));
    int lines = recipe_lines(&recipe, name);
    double first = recipe_metric(&recipe, name, "loss", 0, 5);
    double last = recipe_metric(&recipe, name, "loss", lines - 10, lines);
    print_message("%s: loss %.3f -> %.3f\n", name, first, last);
    assert_true(first > first_min);
    return last;
}
#define TRAIN(name, stage, settings, first_min)                                                    \
    train(name, stage, settings, (int)(sizeof settings / sizeof *settings), first_min)

static void test_clip(void **state)
{
    static const struct setting SETTINGS[] = {
        { "clip_steps", "200" }, { "clip_rate", "2e-3" },     { "clip_warmup", "20" },
        { "clip_width", "32" },  { "clip_text_width", "32" }, { "clip_embed", "32" },
        { "clip_batch", "16" },
    };

    (void)state;
    /* chance is ln 16 = 2.77, and one of sixteen */
    assert_true(TRAIN("clip", stage_clip, SETTINGS, 2.77) < 2.6);
    assert_true(recipe_metric(&recipe, "clip", "top1", 180, 200) > 0.15);
}

static void test_vqgan(void **state)
{
    static const struct setting SETTINGS[] = {
        { "vqgan_steps", "120" },
        { "vqgan_rate", "5e-3" },
        { "gan_weight", "0" },
    };

    (void)state;
    assert_true(TRAIN("vqgan", stage_vqgan, SETTINGS, 0.8) < 0.65);
    assert_true(recipe_metric(&recipe, "vqgan", "psnr", 110, 120) >
                recipe_metric(&recipe, "vqgan", "psnr", 0, 5) + 2);
}

/* Where a run with this weight ends: the mean perceptual distance of its last steps. */
static double perceptual_end(const char *weight)
{
    struct recipe r;
    char name[32];

    snprintf(name, sizeof name, "perceptual-%s", weight);
    recipe_open(&r, tmp_path(name));
    recipe_set(&r, "gan_weight", "0");
    recipe_set(&r, "vqgan_local", "0");
    recipe_set(&r, "vqgan_steps", "100");
    recipe_set(&r, "vqgan_rate", "3e-3");
    recipe_set(&r, "perceptual", tmp_path("vgg.safetensors"));
    recipe_set(&r, "perceptual_weight", weight);
    assert_true(recipe_run(&r, stage_vqgan));
    double end = recipe_metric(&r, "vqgan", "perceptual", 90, 100);
    recipe_close(&r);
    return end;
}

/* The perceptual loss is listened to: it ends lower than where it is only looked at. */
static void test_perceptual(void **state)
{
    struct err e;

    (void)state;
    if (tiny_lpips_write(tmp_path("vgg.safetensors"), TINY_LPIPS_FINE, &e))
        fail_msg("%s", e.msg);
    double without = perceptual_end("0"), with = perceptual_end("1");
    print_message("perceptual distance: %.3f without its loss, %.3f with\n", without, with);
    assert_true(with < 0.9 * without);
}

/* On the tokens of the VQGAN above, under the embeddings of the CLIP above. */
static void test_gpt(void **state)
{
    static const struct setting SETTINGS[] = {
        { "gpt_steps", "150" }, { "gpt_rate", "5e-3" }, { "gpt_dropout", "0" },
        { "gpt_noise", "0" },   { "gpt_batch", "8" },
    };

    (void)state;
    /* chance is ln 32 = 3.47 */
    assert_true(TRAIN("gpt", stage_gpt, SETTINGS, 3) < 2.7);
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
    cmocka_unit_test(test_perceptual),
};

TEST_MAIN_WITH(tests, make, unmake)
