/*
 * Steps of generation as graphs: the tokens are those of steps whose kernels are launched one by
 * one, whatever joins when, and graphs really are what runs.
 */
#include <string.h>

#include "kernels/device_impl.h"
#include "kernels/pass.h"
#include "model/generate.h"
#include "tests/cuda_host/plugin.h"
#include "tests/model/golden.h"
#include "tests/model/tiny_bundle.h"
#include "tests/test.h"

enum { E = 32, T = 16, ROWS = 6, SEQUENCES = 5 };

/* ---- a device whose graphs are counted, or that has none ---- */

static struct {
    const struct backend *plugin;
    int recorded, replayed;
} counted;

static int count_record(void *ctx, struct err *e)
{
    counted.recorded++;
    return counted.plugin->graph_begin(ctx, e);
}

static int count_replay(void *ctx, void *graph, struct err *e)
{
    counted.replayed++;
    return counted.plugin->graph_replay(ctx, graph, e);
}

struct bench {
    struct device *dev;
    struct backend table;
    struct bundle *b;
    struct gen *g;
};

static void bench_open(struct bench *t, enum param_format format, bool graphs)
{
    struct err e = { 0 };

    golden_ok(device_open(test_backend(), 1, &t->dev, &e), &e);
    counted.plugin = t->dev->backend;
    counted.recorded = counted.replayed = 0;
    t->table = *counted.plugin;
    t->table.graph_begin = graphs ? count_record : NULL;
    t->table.graph_replay = graphs ? count_replay : NULL;
    t->dev->backend = &t->table;
    t->b = tiny_bundle_in(t->dev, true, format);
    golden_ok(gen_new(t->b, ROWS, &t->g, &e), &e);
}

static void bench_close(struct bench *t)
{
    gen_free(t->g);
    bundle_close(t->b);
    device_close(t->dev);
}

/* ---- sequences that join and leave ---- */

/* A step at which each begins. The first is guided: rows in use are 2, 3 .. 6, and 4, 3, 2, 1. */
static const int BEGINS[SEQUENCES] = { 0, 1, 2, 3, 4 };
#define SIZES 4 /* 1, 2, 4, and 6, which is all rows */

static void admit(struct gen *g, int k, int *ret_slot)
{
    struct err e = { 0 };
    float cond[E] = { 0 };
    const struct gen_settings settings = {
        .seed = 77u + (unsigned)k,
        .temperature = 1,
        .top_k = k == 1 ? 20 : 0,
        .top_p = k == 2 ? 0.9f : 1,
        .guidance = k ? 1 : 2.5f,
    };

    cond[k] = 1;
    golden_ok(gen_admit(g, cond, NULL, &settings, ret_slot, &e), &e);
}

/* Returns the steps that were about positions after the first. */
static int draw(struct gen *g, int32_t tokens[SEQUENCES][T])
{
    struct err e = { 0 };
    int slot[SEQUENCES], begun = 0, going_on = 0;

    for (int step = 0; begun < SEQUENCES || gen_live(g); step++) {
        going_on += gen_live(g) > 0;
        for (; begun < SEQUENCES && BEGINS[begun] <= step; begun++)
            admit(g, begun, &slot[begun]);
        golden_ok(gen_step(g, &e), &e);
    }
    for (int k = 0; k < SEQUENCES; k++) {
        memcpy(tokens[k], gen_tokens(g, slot[k]), sizeof tokens[k]);
        gen_drop(g, slot[k]);
    }
    return going_on;
}

static void draw_without(enum param_format format, int32_t tokens[SEQUENCES][T])
{
    struct bench t;

    bench_open(&t, format, false);
    draw(t.g, tokens);
    bench_close(&t);
}

/* What the same weights draw without graphs. */
static int32_t want[SEQUENCES][T];

static int draw_want(void **state)
{
    (void)state;
    plugin_choose();
    draw_without(PARAM_F32, want);
    return 0;
}

/* Recorded at the second step of a size, replayed at every one from then on. */
static void test_tokens(void **state)
{
    int32_t got[SEQUENCES][T];
    struct bench t;

    (void)state;
    bench_open(&t, PARAM_F32, true);
    int steps = draw(t.g, got);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(counted.recorded, SIZES - 1); /* one row: only the very last step */
    assert_int_equal(counted.replayed, steps - SIZES);
    steps += draw(t.g, got);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(counted.recorded, SIZES);
    assert_int_equal(counted.replayed, steps - SIZES);
    bench_close(&t);
}

static void test_whole_numbers(void **state)
{
    int32_t alone[SEQUENCES][T], got[SEQUENCES][T];
    struct bench t;

    (void)state;
    draw_without(PARAM_Q8_0, alone);
    bench_open(&t, PARAM_Q8_0, true);
    draw(t.g, got);
    assert_memory_equal(got, alone, sizeof alone);
    bench_close(&t);
}

static void expect_no_graphs(const char *option, const char *value)
{
    int32_t got[SEQUENCES][T];
    struct bench t;

    setenv(option, value, 1);
    bench_open(&t, PARAM_F32, true);
    draw(t.g, got);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(counted.replayed, 0);
    bench_close(&t);
    unsetenv(option);
}

/* A device that does not record draws all the same: the graph is refused, or the first layer in it,
 * which comes after ten of five steps. */
static void test_without_recording(void **state)
{
    (void)state;
    expect_no_graphs("CUDA_HOST_FAIL", "cudaGraphInstantiate 1 2");
    expect_no_graphs("CUDA_HOST_FAIL", "cached_kernel 11 2");
}

/* Launches that wait are launched one by one. */
static void test_blocking(void **state)
{
    (void)state;
    expect_no_graphs("CUDA_LAUNCH_BLOCKING", "1");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_tokens),
    cmocka_unit_test(test_whole_numbers),
    cmocka_unit_test(test_without_recording),
    cmocka_unit_test(test_blocking),
};

TEST_MAIN_WITH(tests, draw_want, NULL)
