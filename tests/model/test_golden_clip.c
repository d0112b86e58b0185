/* CLIP against the reference: features, logits, loss and every gradient. */
#include "base/mem.h"
#include "tests/model/tiny.h"
#include "tests/test.h"

struct both {
    struct tensor *image_raw, *text_raw, *image, *text, *logits, *loss;
};

static struct both run(struct tiny_clip *t, bool with_tape)
{
    struct pass *p = golden_pass(&t->g, with_tape);
    int64_t n;
    int32_t *ids = golden_ints(&t->g, "in.token_ids", &n);
    struct both r;

    r.image_raw = clip_image(p, &t->net, golden_input(&t->g, "in.images", GOLDEN_CHANNELS_FIRST));
    r.text_raw = tiny_clip_text(t, ids, n / t->net.config.text.context);
    r.image = op_l2norm(p, r.image_raw, CLIP_NORM_EPS);
    r.text = op_l2norm(p, r.text_raw, CLIP_NORM_EPS);
    r.logits = clip_logits(p, &t->net, r.image, r.text);
    r.loss = op_contrastive(p, r.logits);
    golden_finish(&t->g);
    mem_free(ids);
    return r;
}

static void embeddings_match(void **state)
{
    (void)state;
    struct tiny_clip t;
    struct golden *g = &t.g;

    tiny_clip_open(&t);
    struct both r = run(&t, false);
    golden_check(g, "out.image_embeds_raw", r.image_raw, GOLDEN_AS_STORED, GOLDEN_LOGITS);
    golden_check(g, "out.text_embeds_raw", r.text_raw, GOLDEN_AS_STORED, GOLDEN_LOGITS);
    golden_check(g, "out.image_embeds", r.image, GOLDEN_AS_STORED, GOLDEN_LOGITS);
    golden_check(g, "out.text_embeds", r.text, GOLDEN_AS_STORED, GOLDEN_LOGITS);
    golden_check(g, "out.logits_per_image", r.logits, GOLDEN_AS_STORED, GOLDEN_FORWARD);
    golden_check_scalar(g, "out.loss", r.loss);
    tiny_clip_close(&t);
}

static void gradients_match(void **state)
{
    (void)state;
    struct tiny_clip t;

    tiny_clip_open(&t);
    struct both r = run(&t, true);
    golden_backward(&t.g, r.loss);
    assert_int_equal(golden_check_grads(&t.g, &t.params, "grad"), t.params.n);
    tiny_clip_close(&t);
}

static void exact_gelu_is_another_network(void **state)
{
    (void)state;
    struct tiny_clip t;

    tiny_clip_open(&t);
    t.net.config.quick_gelu = false;
    struct both r = run(&t, false);
    assert_true(golden_error(&t.g, "out.image_embeds", r.image, GOLDEN_AS_STORED) > 1e-3);
    tiny_clip_close(&t);
}

static void pixel_scale_is_mean_and_std(void **state)
{
    (void)state;
    struct clip_config c = { .mean = { 0.5f, 0.25f, 0 }, .std = { 0.25f, 0.5f, 1 } };
    float mul[3], add[3];

    clip_pixel_scale(&c, mul, add);
    for (int i = 0; i < 3; i++) {
        assert_float_equal(128 * mul[i] + add[i], (128 / 255.0 - c.mean[i]) / c.std[i], 1e-6);
        assert_float_equal(add[i], -c.mean[i] / c.std[i], 1e-6);
    }
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(embeddings_match),
    cmocka_unit_test(gradients_match),
    cmocka_unit_test(exact_gelu_is_another_network),
    cmocka_unit_test(pixel_scale_is_mean_and_std),
};
TEST_MAIN(TESTS)
