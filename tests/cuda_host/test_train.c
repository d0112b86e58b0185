/*
 * A few steps of training on the CUDA backend and on the CPU's: the same losses and gradient norms,
 * so forward, backward, discriminator and AdamW agree. The transformer's steps are those of
 * tests/model/test_golden_gpt; its stage first looks at all pictures, which takes too long here.
 */
#include <math.h>

#include "tests/cuda_host/plugin.h"
#include "tests/tmp.h"
#include "tests/trainer/recipe.h"

#include "trainer/step_clip.h"
#include "trainer/step_vqgan.h"

/* Sums run in another order, and AdamW divides small gradients by themselves: what a step leaves is
 * known to fewer digits than its loss. */
#define TOLERANCE 2e-3

#define STEPS "3"
enum { N_STEPS = 3 };

static const char *const SETTINGS[][2] = {
    { "clip_steps", STEPS }, { "vqgan_steps", STEPS },    { "gan_start", "1" },
    { "gan_warmup", "1" },   { "restart_every", "1000" }, { "vqgan_batch", "2" },
    { "clip_batch", "4" },
};

static struct recipe cpu, cuda;

static void open_one(struct recipe *r, const char *backend)
{
    setenv("CLIPGEN_TEST_BACKEND", backend, 1);
    recipe_open(r, tmp_path(backend));
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++)
        recipe_set(r, SETTINGS[i][0], SETTINGS[i][1]);
}

static int open_both(void **state)
{
    plugin_choose();
    if (tmp_make(state))
        return -1;
    open_one(&cpu, "cpu");
    open_one(&cuda, "cuda");
    return 0;
}

static int close_both(void **state)
{
    recipe_close(&cuda);
    recipe_close(&cpu);
    return tmp_remove(state);
}

static void expect_same(const char *stage, const char *metric, int step)
{
    double want = recipe_metric(&cpu, stage, metric, step, step + 1);
    double got = recipe_metric(&cuda, stage, metric, step, step + 1);

    if (!(fabs(got - want) <= TOLERANCE * fabs(want)))
        fail_msg("%s, step %d: %s is %.9g, on the CPU %.9g", stage, step, metric, got, want);
}

static void check_stage(const char *name, recipe_stage *stage, const char *const *metrics, int n)
{
    assert_true(recipe_run(&cpu, stage) && recipe_run(&cuda, stage));
    for (int i = 0; i < n; i++)
        for (int step = 0; step < N_STEPS; step++)
            expect_same(name, metrics[i], step);
}
#define CHECK_STAGE(name, stage, metrics)                                                          \
    check_stage(name, stage, metrics, (int)(sizeof metrics / sizeof *metrics))

static const char *const LOSS_AND_NORM[] = { "loss", "grad_norm" };

static void test_clip(void **state)
{
    (void)state;
    CHECK_STAGE("clip", stage_clip, LOSS_AND_NORM);
}

static void test_vqgan(void **state)
{
    (void)state;
    CHECK_STAGE("vqgan", stage_vqgan, LOSS_AND_NORM);
    expect_same("vqgan", "loss_d", 1);
    expect_same("vqgan", "loss_d", 2);
    expect_same("vqgan", "adaptive", 2);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_clip),
    cmocka_unit_test(test_vqgan),
};

int main(void)
{
    if (getenv("CLIPGEN_TEST_BRIEF")) {
        puts("skipped: training takes too long under sanitizers; its kernels are asked row by row");
        return 77;
    }
    return cmocka_run_group_tests(tests, open_both, close_both);
}
