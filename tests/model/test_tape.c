/* A tape changes nothing but memory: every network gives the same bytes with it as without. Without
 * it, blocks give their memory back, which the peak must show. */
#include <string.h>

#include "base/mem.h"
#include "model/condition.h"
#include "tests/model/tiny.h"
#include "tests/test.h"

/* Both results of one network, and the device memory that they took. */
struct twice {
    float *values[2];
    size_t bytes, peak[2];
};

static void keep(struct twice *r, struct golden *g, const struct tensor *t, bool with_tape)
{
    r->values[with_tape] = golden_download(g, t);
    r->bytes = tensor_bytes(t);
    r->peak[with_tape] = arena_mark(&g->arena).device;
}

static void compare_and_free(struct twice *r)
{
    assert_memory_equal(r->values[0], r->values[1], r->bytes);
    assert_true(r->peak[0] < r->peak[1]);
    mem_free(r->values[0]);
    mem_free(r->values[1]);
}

static void clip_image_is_the_same(void **state)
{
    (void)state;
    struct tiny_clip t;
    struct twice r;

    tiny_clip_open(&t);
    for (int tape = 0; tape < 2; tape++) {
        struct pass *p = golden_pass(&t.g, tape);
        struct tensor *x = golden_input(&t.g, "in.images", GOLDEN_CHANNELS_FIRST);
        keep(&r, &t.g, clip_image(p, &t.net, x), tape);
    }
    compare_and_free(&r);
    tiny_clip_close(&t);
}

static void clip_text_is_the_same(void **state)
{
    (void)state;
    struct tiny_clip t;
    struct twice r;
    int64_t n;

    tiny_clip_open(&t);
    int32_t *ids = golden_ints(&t.g, "in.token_ids", &n);
    for (int tape = 0; tape < 2; tape++) {
        golden_pass(&t.g, tape);
        keep(&r, &t.g, tiny_clip_text(&t, ids, n / t.net.config.text.context), tape);
    }
    compare_and_free(&r);
    mem_free(ids);
    tiny_clip_close(&t);
}

static void gpt_is_the_same(void **state)
{
    (void)state;
    struct tiny_gpt t;
    struct twice r;

    tiny_gpt_open(&t);
    for (int tape = 0; tape < 2; tape++) {
        struct pass *p = golden_pass(&t.g, tape);
        struct tensor *cond = golden_input(&t.g, "in.cond", GOLDEN_AS_STORED);
        int64_t dim[] = { cond->dim[0], t.net.config.tokens };
        struct tensor *tokens = golden_ids(&t.g, "in.tokens", 2, dim);
        tokens = op_slice(p, tokens, 1, 0, dim[1] - 1);
        keep(&r, &t.g, gpt_forward(p, &t.net, cond, tokens, NULL), tape);
    }
    compare_and_free(&r);
    tiny_gpt_close(&t);
}

static void vqgan_is_the_same(void **state)
{
    (void)state;
    struct tiny_vqgan t;
    struct twice r;
    struct tensor *ids;

    tiny_vqgan_open(&t, 1e-5f);
    for (int tape = 0; tape < 2; tape++) {
        struct pass *p = golden_pass(&t.g, tape);
        struct tensor *x = golden_input(&t.g, "in.x", GOLDEN_CHANNELS_FIRST);
        struct tensor *z_q = vqgan_quantize(p, t.net, vqgan_encode(p, t.net, x), &ids, NULL);
        keep(&r, &t.g, vqgan_decode(p, t.net, z_q), tape);
    }
    compare_and_free(&r);
    tiny_vqgan_close(&t);
}

/* Shapes are checked and memory is counted without running anything, and the count is what a run
 * takes. */
static void planning_counts_what_a_run_takes(void **state)
{
    (void)state;
    struct tiny_vqgan t;
    struct err e = { 0 };
    struct arena plan;
    struct pass planned;

    tiny_vqgan_open(&t, 1e-5f);
    struct pass *p = golden_pass(&t.g, false);
    struct tensor *x = golden_input(&t.g, "in.x", GOLDEN_CHANNELS_FIRST);
    size_t before = arena_mark(&t.g.arena).device;
    vqgan_encode(p, t.net, x);
    golden_finish(&t.g);

    golden_ok(arena_init_planning(&plan, ARENA_HOST_BYTES, &e), &e);
    pass_init(&planned, NULL, &plan, NULL);
    assert_non_null(vqgan_encode(&planned, t.net, x));
    golden_ok(pass_finish(&planned, &e), &e);
    assert_int_equal(arena_peak(&plan), arena_peak(&t.g.arena) - before);
    arena_free(&plan);
    tiny_vqgan_close(&t);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(clip_image_is_the_same),
    cmocka_unit_test(clip_text_is_the_same),
    cmocka_unit_test(gpt_is_the_same),
    cmocka_unit_test(vqgan_is_the_same),
    cmocka_unit_test(planning_counts_what_a_run_takes),
};
TEST_MAIN(TESTS)
