/*
 * Ten steps are ten steps, whether a run made them at once or was stopped and started again after
 * five: the checkpoints are the same, byte for byte.
 */
#include "tests/tmp.h"
#include "tests/trainer/recipe.h"

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "trainer/step_clip.h"
#include "trainer/step_gpt.h"
#include "trainer/step_vqgan.h"

static void read_checkpoint(const struct recipe *r, const char *stage, struct buf *ret_bytes)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s/checkpoint.safetensors", r->config.dir, stage);
    buf_init(ret_bytes, 64 << 20);
    assert_int_equal(file_read(path, 64 << 20, ret_bytes, NULL), 0);
}

static void assert_same_checkpoint(const struct recipe *a, const struct recipe *b,
                                   const char *stage)
{
    struct buf x, y;

    read_checkpoint(a, stage, &x);
    read_checkpoint(b, stage, &y);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    buf_release(&x);
    buf_release(&y);
}

/* The stage at once in one folder, in two parts with previews in the other. */
static void run_both(struct recipe *whole, struct recipe *parts, const char *name,
                     recipe_stage *stage)
{
    assert_true(recipe_run(whole, stage));
    recipe_set(parts, "stop_after", "5");
    assert_false(recipe_run(parts, stage));
    assert_int_equal(recipe_lines(parts, name), 5);
    assert_true(recipe_run(parts, stage));
    assert_int_equal(recipe_lines(parts, name), 10);
    assert_same_checkpoint(whole, parts, name);
}

static void test_every_stage(void **state)
{
    struct recipe whole, parts;

    (void)state;
    recipe_open(&whole, tmp_path("whole"));
    recipe_open(&parts, tmp_path("parts"));
    run_both(&whole, &parts, "clip", stage_clip);

    recipe_set(&parts, "vqgan_preview", "3");
    run_both(&whole, &parts, "vqgan", stage_vqgan);
    /* what must be resumed has been at work: the discriminator, its echo, and restarted entries */
    assert_true(recipe_metric(&parts, "vqgan", "loss_d", 3, 10) > 0);
    assert_true(recipe_metric(&parts, "vqgan", "adaptive", 5, 10) > 0);
    assert_true(recipe_metric(&parts, "vqgan", "restarted", 7, 8) > 0);

    recipe_set(&parts, "gpt_preview", "4");
    run_both(&whole, &parts, "gpt", stage_gpt);
    recipe_close(&whole);
    recipe_close(&parts);
}

/* Another seed gives another run: the comparison above can fail. */
static void test_seed_counts(void **state)
{
    struct recipe a, b;
    struct buf x, y;

    (void)state;
    recipe_open(&a, tmp_path("seed-a"));
    recipe_open(&b, tmp_path("seed-b"));
    recipe_set(&b, "seed", "2");
    assert_true(recipe_run(&a, stage_clip) && recipe_run(&b, stage_clip));
    read_checkpoint(&a, "clip", &x);
    read_checkpoint(&b, "clip", &y);
    assert_int_equal(x.len, y.len);
    assert_int_not_equal(memcmp(x.data, y.data, x.len), 0);
    buf_release(&x);
    buf_release(&y);
    recipe_close(&a);
    recipe_close(&b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_stage),
    cmocka_unit_test(test_seed_counts),
};

TEST_MAIN_TMP(tests)
