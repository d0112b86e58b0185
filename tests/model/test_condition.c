/* From embeddings to the transformer's condition: lengths, centring, noise, and the learned null
 * condition that takes the place of dropped rows. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/condition.h"
#include "tests/model/tiny.h"
#include "tests/test.h"

enum { B = 2, E = 4 };

static const float RAW[B * E] = { 3, 0, 4, 0, 1, 1, 1, 1 };
static const float IMAGE_MEAN[E] = { 0.1f, 0.2f, 0, -0.1f }, TEXT_MEAN[E] = { 0, 0, 0.5f, 0 };

struct bench {
    struct golden g; /* any fixture: for its device and pass */
    struct condition condition;
    struct param_list params;
};

static void set(struct bench *b, struct tensor *t, const float *values)
{
    struct err e = { 0 };

    golden_ok(device_upload(b->g.dev, t, 0, values, tensor_bytes(t), &e), &e);
}

static void open_bench(struct bench *b, bool centred)
{
    struct err e = { 0 };

    golden_open(&b->g, "pipeline_tiny.safetensors");
    param_list_init(&b->params);
    condition_init(&b->condition, centred, E, &b->params);
    golden_ok(param_list_alloc(&b->params, b->g.dev, false, &e), &e);
    if (centred) {
        set(b, b->condition.image_mean, IMAGE_MEAN);
        set(b, b->condition.text_mean, TEXT_MEAN);
    }
}

static void close_bench(struct bench *b)
{
    param_list_release(&b->params);
    golden_close(&b->g);
}

static struct tensor *raw(struct bench *b)
{
    return pass_upload(&b->g.pass, DTYPE_F32, 2, (int64_t[]){ B, E }, RAW);
}

static double length_of(const float *row)
{
    double sum = 0;

    for (int i = 0; i < E; i++)
        sum += (double)row[i] * row[i];
    return sqrt(sum);
}

/* got = unit(unit(RAW) - mean), row by row; frees got */
static void check_centred(float *got, const float *mean)
{
    for (int b = 0; b < B; b++) {
        float want[E];
        double raw_length = length_of(RAW + b * E);
        for (int i = 0; i < E; i++)
            want[i] = (float)(RAW[b * E + i] / raw_length) - mean[i];
        for (int i = 0; i < E; i++)
            assert_float_equal(got[b * E + i], want[i] / length_of(want), 1e-6);
    }
    mem_free(got);
}

static void without_centring_rows_become_unit(void **state)
{
    (void)state;
    static const float NONE[E] = { 0 };
    struct bench b;

    open_bench(&b, false);
    assert_int_equal(b.params.n, 0);
    struct pass *p = golden_pass(&b.g, false);
    check_centred(golden_download(&b.g, condition_from_text(p, &b.condition, raw(&b))), NONE);
    check_centred(golden_download(&b.g, condition_from_image(p, &b.condition, raw(&b), 0)), NONE);
    close_bench(&b);
}

static void each_modality_has_its_own_mean(void **state)
{
    (void)state;
    struct bench b;

    open_bench(&b, true);
    struct pass *p = golden_pass(&b.g, false);
    check_centred(golden_download(&b.g, condition_from_text(p, &b.condition, raw(&b))), TEXT_MEAN);
    check_centred(golden_download(&b.g, condition_from_image(p, &b.condition, raw(&b), 0)),
                  IMAGE_MEAN);
    close_bench(&b);
}

static void noise_is_seeded_and_keeps_rows_unit(void **state)
{
    (void)state;
    float *got[3];
    struct bench b;

    open_bench(&b, true);
    for (int i = 0; i < 3; i++) {
        struct pass *p = golden_pass(&b.g, false);
        p->seed = i < 2 ? 1 : 2;
        got[i] = golden_download(&b.g, condition_from_image(p, &b.condition, raw(&b), 0.1f));
        assert_float_equal(length_of(got[i]), 1, 1e-6);
        assert_float_equal(length_of(got[i] + E), 1, 1e-6);
    }
    assert_memory_equal(got[0], got[1], B * E * sizeof(float));
    assert_memory_not_equal(got[0], got[2], B * E * sizeof(float));
    for (int i = 0; i < 3; i++)
        mem_free(got[i]);
    close_bench(&b);
}

/* ---- the null condition ---- */

static void open_null_gpt(struct golden *g, struct gpt *m, struct param_list *l)
{
    struct gpt_config c = { .layers = 1,
                            .width = 8,
                            .heads = 1,
                            .tokens = 4,
                            .vocab = 8,
                            .cond_dim = E,
                            .null_cond = true };
    struct err e = { 0 };

    golden_open(g, "pipeline_tiny.safetensors");
    param_list_init(l);
    golden_ok(gpt_init(m, &c, l, &e), &e);
    golden_ok(param_list_alloc(l, g->dev, true, &e), &e);
    golden_ok(param_list_reset(l, 1, &e), &e);
}

static void dropped_rows_are_the_null_condition(void **state)
{
    (void)state;
    static const int32_t MASK[B] = { 0, 1 };
    int64_t rows[] = { B }, dim[] = { B, E };
    struct param_list l;
    struct golden g;
    struct gpt m;

    open_null_gpt(&g, &m, &l);
    struct pass *p = golden_pass(&g, true);
    struct tensor *cond = pass_upload(p, DTYPE_F32, 2, dim, RAW);
    struct tensor *mask = pass_upload(p, DTYPE_I32, 1, rows, MASK);
    struct tensor *dropped = gpt_drop_cond(p, &m, cond, mask);
    float *got = golden_download(&g, dropped), *null = golden_download(&g, m.null_cond);
    assert_memory_equal(got, RAW, E * sizeof *got);
    assert_memory_equal(got + E, null, E * sizeof *got);
    /* and only dropped rows teach it */
    golden_backward(&g, op_mean(p, dropped));
    float *grad = golden_download(&g, m.null_cond->grad);
    for (int i = 0; i < E; i++)
        assert_float_equal(grad[i], 1.0 / (B * E), 1e-7);
    mem_free(got);
    mem_free(null);
    mem_free(grad);
    gpt_release(&m);
    param_list_release(&l);
    golden_close(&g);
}

static void no_null_condition_is_said_in_words(void **state)
{
    (void)state;
    static const int32_t MASK[B] = { 0, 1 };
    int64_t rows[] = { B }, dim[] = { B, 32 };
    static const float ZERO[B * 32] = { 0 };
    struct err e = { 0 };
    struct tiny_gpt t;

    tiny_gpt_open(&t);
    struct pass *p = golden_pass(&t.g, false);
    struct tensor *cond = pass_upload(p, DTYPE_F32, 2, dim, ZERO);
    assert_null(gpt_drop_cond(p, &t.net, cond, pass_upload(p, DTYPE_I32, 1, rows, MASK)));
    assert_int_equal(pass_finish(p, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    tiny_gpt_close(&t);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(without_centring_rows_become_unit),
    cmocka_unit_test(each_modality_has_its_own_mean),
    cmocka_unit_test(noise_is_seeded_and_keeps_rows_unit),
    cmocka_unit_test(dropped_rows_are_the_null_condition),
    cmocka_unit_test(no_null_condition_is_said_in_words),
};
TEST_MAIN(TESTS)
