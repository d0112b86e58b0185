/*
 * Drawing tokens: frequencies follow the probabilities, and the same seed and position give the
 * same token, whatever else is in the batch. What the filters keep is tested row by row (cases.c).
 */
#include <math.h>
#include <string.h>

#include "kernels/sample.h"
#include "tests/test.h"

#define V 12
#define DRAWS 20000

struct fixture {
    struct device *dev;
    struct arena arena;
    struct pass pass;
};

static int setup(void **state)
{
    static struct fixture f;
    struct err e;

    if (device_open(test_backend(), 2, &f.dev, &e) ||
        arena_init(&f.arena, f.dev, (size_t)32 << 20, ARENA_HOST_BYTES, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        return -1;
    }
    pass_init(&f.pass, f.dev, &f.arena, NULL);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    device_close(f->dev);
    return 0;
}

static struct tensor *ints(struct pass *p, int64_t n, int32_t first, int32_t step)
{
    int32_t v[DRAWS];

    for (int64_t i = 0; i < n; i++)
        v[i] = first + step * (int32_t)i;
    return pass_upload(p, DTYPE_I32, 1, &n, v);
}

static struct tensor *floats(struct pass *p, int64_t n, float value)
{
    float v[DRAWS];

    for (int64_t i = 0; i < n; i++)
        v[i] = value;
    return pass_upload(p, DTYPE_F32, 1, &n, v);
}

static struct tensor *seeds(struct pass *p, int64_t n, uint64_t seed)
{
    int32_t v[DRAWS][2];

    for (int64_t i = 0; i < n; i++) {
        v[i][0] = (int32_t)(uint32_t)seed;
        v[i][1] = (int32_t)(uint32_t)(seed >> 32);
    }
    return pass_upload(p, DTYPE_I32, 2, (int64_t[]){ n, 2 }, v);
}

/* n draws at positions first.. from one row of logits (step 0), or from n (step 1). */
static void draw(struct fixture *f, const float *logits, int64_t n, int32_t step, uint64_t seed,
                 int32_t first, float temperature, int32_t *ret)
{
    struct pass *p = &f->pass;
    struct err e;
    struct sample_rows rows = {
        .logits = pass_upload(p, DTYPE_F32, 2, (int64_t[]){ n, V }, logits),
        .cond_row = ints(p, n, 0, step),
        .uncond_row = ints(p, n, -1, 0),
        .guidance = floats(p, n, 1.0f),
        .temperature = floats(p, n, temperature),
        .top_k = ints(p, n, 0, 0),
        .top_p = floats(p, n, 1.0f),
        .seed = seeds(p, n, seed),
        .position = ints(p, n, first, 1),
    };
    struct tensor *tokens = sample_draw(p, &rows);
    if (pass_finish(p, &e) || device_download(f->dev, tokens, 0, ret, (size_t)n * sizeof *ret, &e))
        fail_msg("%s", e.msg);
    arena_release_all(&f->arena);
}

/* The same V logits in n rows. */
static void repeat_logits(const float *logits, int64_t n, float *ret)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(ret + i * V, logits, V * sizeof *ret);
}

static const float LOGITS[V] = { 0.3f, -1.0f, 2.0f, 0.0f, 1.1f,  -0.4f,
                                 0.9f, -2.0f, 0.5f, 1.7f, -0.1f, 0.2f };

static void test_frequencies(void **state)
{
    static float logits[DRAWS * V];
    static int32_t token[DRAWS];
    double p[V], sum = 0, chi_square = 0;
    int count[V] = { 0 };

    repeat_logits(LOGITS, DRAWS, logits);
    draw(*state, logits, DRAWS, 1, 0x123456789abcdefu, 0, 0.8f, token);
    for (int j = 0; j < V; j++)
        sum += p[j] = exp(LOGITS[j] / 0.8);
    for (int i = 0; i < DRAWS; i++) {
        assert_in_range(token[i], 0, V - 1);
        count[token[i]]++;
    }
    for (int j = 0; j < V; j++) {
        double want = DRAWS * p[j] / sum;
        chi_square += (count[j] - want) * (count[j] - want) / want;
    }
    /* 11 degrees of freedom: 99.9 % of good generators stay below. */
    assert_true(chi_square < 31.26);
}

static void test_seed_and_position_decide(void **state)
{
    static float logits[100 * V];
    int32_t all[100], again[100], one, other[100];

    repeat_logits(LOGITS, 100, logits);
    draw(*state, logits, 100, 1, 7, 40, 1.0f, all);
    draw(*state, logits, 100, 0, 7, 40, 1.0f, again);
    assert_memory_equal(all, again, sizeof all);
    for (int i = 0; i < 100; i++) {
        draw(*state, LOGITS, 1, 0, 7, 40 + i, 1.0f, &one);
        assert_int_equal(one, all[i]);
    }
    draw(*state, logits, 100, 1, 8, 40, 1.0f, other);
    assert_memory_not_equal(all, other, sizeof all);
    draw(*state, logits, 100, 1, 7 + ((uint64_t)1 << 32), 40, 1.0f, other);
    assert_memory_not_equal(all, other, sizeof all);
}

static void test_cold_takes_the_lowest_of_equals(void **state)
{
    float logits[V] = { 1, 2, 5, 3, 5, 5, 0, 0, 0, 0, 0, 5 };
    int32_t token;

    draw(*state, logits, 1, 0, 3, 0, 0.0f, &token);
    assert_int_equal(token, 2);
}

static void test_nan_is_no_token(void **state)
{
    float logits[V];
    int32_t token;

    for (int j = 0; j < V; j++)
        logits[j] = NAN;
    draw(*state, logits, 1, 0, 3, 0, 1.0f, &token);
    assert_int_equal(token, -1);
    draw(*state, logits, 1, 0, 3, 0, 0.0f, &token);
    assert_int_equal(token, -1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_frequencies, setup, teardown),
    cmocka_unit_test_setup_teardown(test_seed_and_position_decide, setup, teardown),
    cmocka_unit_test_setup_teardown(test_cold_takes_the_lowest_of_equals, setup, teardown),
    cmocka_unit_test_setup_teardown(test_nan_is_no_token, setup, teardown),
};

TEST_MAIN(tests)
