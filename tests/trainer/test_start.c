/*
 * Training that goes on from a bundle: what is not trained is the bundle's, what is trained starts
 * there, and what does not fit is refused.
 */
#include "tests/tmp.h"
#include "tests/trainer/recipe.h"

#include <string.h>

#include "model/weights.h"
#include "trainer/stage_bundle.h"
#include "trainer/step_clip.h"
#include "trainer/step_gpt.h"
#include "trainer/step_vqgan.h"

static struct recipe first;

static int train_first(void **state)
{
    recipe_stage *const STAGES[] = { stage_vqgan, stage_clip, stage_gpt, stage_bundle };

    tmp_make(state);
    recipe_open(&first, tmp_path("first"));
    recipe_set(&first, "bundle_dir", tmp_path("first-bundle"));
    recipe_set(&first, "bundle_dtype", "f32");
    for (size_t i = 0; i < sizeof STAGES / sizeof *STAGES; i++)
        assert_true(recipe_run(&first, STAGES[i]));
    return 0;
}

static int close_first(void **state)
{
    recipe_close(&first);
    return tmp_remove(state);
}

/* A recipe that goes on from the first one's bundle, other sizes in it notwithstanding. */
static void open_second(struct recipe *r, const char *name, const char *bundle_name)
{
    recipe_open(r, tmp_path(name));
    recipe_set(r, "start_from", tmp_path("first-bundle"));
    recipe_set(r, "bundle_dir", tmp_path(bundle_name));
    recipe_set(r, "bundle_dtype", "f32");
    recipe_set(r, "gpt_width", "64");
    recipe_set(r, "vqgan_codebook", "64");
}

/* Tensors of a network in two bundles whose values differ. */
static int differing(const char *bundle_a, const char *bundle_b, const char *prefix)
{
    char path_a[512], path_b[512];
    struct weights *a, *b;
    int n = 0, found = 0;

    snprintf(path_a, sizeof path_a, "%s/" BUNDLE_WEIGHTS, tmp_path(bundle_a));
    snprintf(path_b, sizeof path_b, "%s/" BUNDLE_WEIGHTS, tmp_path(bundle_b));
    assert_int_equal(weights_open(path_a, &a, NULL), 0);
    assert_int_equal(weights_open(path_b, &b, NULL), 0);
    assert_int_equal(weights_n(a), weights_n(b));
    for (int i = 0; i < weights_n(a); i++) {
        const struct weights_entry *x = weights_at(a, i), *y = weights_find(b, x->name);
        assert_non_null(y);
        if (strncmp(x->name, prefix, strlen(prefix)))
            continue;
        assert_int_equal(weights_entry_count(x), weights_entry_count(y));
        n += memcmp(x->data, y->data, (size_t)weights_entry_count(x) * sizeof(float)) != 0;
        found++;
    }
    assert_true(found > 0);
    weights_close(a);
    weights_close(b);
    return n;
}

/* At rate 0 a step changes nothing: what comes out is what training started with. */
static void test_starts_there(void **state)
{
    struct recipe r;

    (void)state;
    open_second(&r, "still", "still-bundle");
    recipe_set(&r, "gpt_rate", "0");
    recipe_set(&r, "gpt_average", "0"); /* the average of equal values is not quite their value */
    assert_true(recipe_run(&r, stage_gpt) && recipe_run(&r, stage_bundle));
    assert_int_equal(differing("first-bundle", "still-bundle", "clip."), 0);
    assert_int_equal(differing("first-bundle", "still-bundle", "vqgan."), 0);
    assert_int_equal(differing("first-bundle", "still-bundle", "gpt."), 0);
    recipe_close(&r);
}

static void test_goes_on(void **state)
{
    struct recipe r;

    (void)state;
    open_second(&r, "moving", "moving-bundle");
    assert_true(recipe_run(&r, stage_clip) && recipe_run(&r, stage_gpt) &&
                recipe_run(&r, stage_bundle));
    assert_int_equal(differing("first-bundle", "moving-bundle", "vqgan."), 0);
    assert_true(differing("first-bundle", "moving-bundle", "clip.") > 0);
    assert_true(differing("first-bundle", "moving-bundle", "gpt.") > 0);
    recipe_close(&r);
}

static void assert_refused(const char *key, const char *value, const char *message)
{
    struct recipe r;
    struct bundle_config n;
    struct err e;

    open_second(&r, "refused", "refused-bundle");
    recipe_set(&r, key, value);
    assert_int_equal(config_networks(&r.config, &n, &e), -1);
    assert_int_equal(e.code, ERR_INVALID);
    assert_string_equal(e.msg, message);
    recipe_close(&r);
}

static void test_refusals(void **state)
{
    char message[512];

    (void)state;
    snprintf(message, sizeof message, "side: 32 is not the 16 of start_from '%s'",
             tmp_path("first-bundle"));
    assert_refused("side", "32", message);
    snprintf(message, sizeof message, "clip_pretrained: 'other' excludes start_from '%s'",
             tmp_path("first-bundle"));
    assert_refused("clip_pretrained", "other", message);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_starts_there),
    cmocka_unit_test(test_goes_on),
    cmocka_unit_test(test_refusals),
};

TEST_MAIN_WITH(tests, train_first, close_first)
