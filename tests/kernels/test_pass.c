/* Pass: the first error in words, streams, and planning that counts what a real run uses. */
#include <string.h>

#include "base/mem.h"
#include "kernels/kv.h"
#include "kernels/sample.h"
#include "kernels/update.h"
#include "tests/kernels/world.h"
#include "tests/test.h"

#define MB ((size_t)1 << 20)
#define T(...) WORLD_TENSOR(w, false, __VA_ARGS__)
#define IDS(n) world_ids(w, n, (int32_t[8]){ 0 })

/* ---- wrong shapes, one row an op: what is given, exactly what is said ---- */

static struct tensor *wrong_linear(struct world *w)
{
    return op_linear(&w->p, T(2, 3), T(4, 5), NULL);
}

static struct tensor *wrong_linear_bias(struct world *w)
{
    return op_linear_gelu(&w->p, T(2, 3), T(4, 3), T(3));
}

static struct tensor *wrong_linear_dtype(struct world *w)
{
    return op_linear(&w->p, IDS(3), T(4, 3), NULL);
}

static struct tensor *missing_weight(struct world *w)
{
    return op_linear(&w->p, T(2, 3), NULL, NULL);
}

static struct tensor *wrong_matmul(struct world *w)
{
    return op_matmul(&w->p, T(2, 3, 4), true, T(2, 4, 5), false, 1);
}

static struct tensor *wrong_matmul_batch(struct world *w)
{
    return op_matmul(&w->p, T(2, 3, 4), false, T(3, 4, 5), false, 1);
}

static struct tensor *wrong_attention(struct world *w)
{
    return op_attention(&w->p, T(1, 2, 12), 3, true, NULL, 0);
}

static struct tensor *wrong_conv(struct world *w)
{
    return op_conv2d(&w->p, T(1, 8, 8, 3), T(6, 3, 3, 4), NULL, 1, (struct conv_pad){ 0 });
}

static struct tensor *small_conv(struct world *w)
{
    return op_conv2d(&w->p, T(1, 2, 8, 3), T(6, 4, 3, 3), NULL, 1, (struct conv_pad){ .top = 1 });
}

static struct tensor *wrong_residual(struct world *w)
{
    return op_conv2d_add(&w->p, T(1, 4, 4, 3), T(6, 3, 3, 3), NULL, 1, (struct conv_pad){ 0 },
                         T(1, 4, 4, 6));
}

static struct tensor *wrong_upsample(struct world *w)
{
    return op_upsample2x_conv2d(&w->p, T(1, 4, 4, 3), T(6, 3, 3, 4), NULL);
}

static struct tensor *wrong_resize(struct world *w)
{
    return op_resize(&w->p, T(1, 4, 4, 3), 0, 4, OP_BILINEAR, false);
}

static struct tensor *wrong_pixels_in(struct world *w)
{
    return op_pixels_in(&w->p, T(1, 4, 4, 3), (float[3]){ 1, 1, 1 }, (float[3]){ 0 });
}

static struct tensor *wrong_pixels_out(struct world *w)
{
    return op_pixels_out(&w->p, T(1, 4, 4, 1));
}

static struct tensor *wrong_layernorm(struct world *w)
{
    return op_layernorm(&w->p, T(2, 8), T(4), T(8), 1e-5f);
}

static struct tensor *wrong_groupnorm(struct world *w)
{
    return op_groupnorm(&w->p, T(1, 2, 2, 6), T(6), T(6), 4, 1e-5f, false);
}

static struct tensor *wrong_batchnorm(struct world *w)
{
    return op_batchnorm(&w->p, T(1, 2, 2, 6), T(6), T(6), T(5), T(6), 0.1f, 1e-5f);
}

static struct tensor *wrong_dropout(struct world *w)
{
    return op_dropout(&w->p, T(2, 2), 1);
}

static struct tensor *wrong_add(struct world *w)
{
    return op_add(&w->p, T(2, 3), T(2));
}

static struct tensor *wrong_scale_exp(struct world *w)
{
    return op_scale_exp(&w->p, T(2, 3), T(2));
}

static struct tensor *wrong_concat(struct world *w)
{
    return op_concat(&w->p, T(2, 3), T(3, 3), 1);
}

static struct tensor *wrong_slice(struct world *w)
{
    return op_slice(&w->p, T(2, 3), 1, 2, 2);
}

static struct tensor *wrong_reshape(struct world *w)
{
    return op_reshape(&w->p, T(2, 3), 2, (int64_t[]){ 4, -1 });
}

static struct tensor *wrong_permute(struct world *w)
{
    return op_permute(&w->p, T(2, 3), (int[]){ 1, 1 });
}

static struct tensor *wrong_repeat(struct world *w)
{
    return op_repeat(&w->p, T(1, 2, 3, 4), 2);
}

static struct tensor *wrong_replace_rows(struct world *w)
{
    return op_replace_rows(&w->p, T(2, 3), IDS(3), T(3));
}

static struct tensor *wrong_embedding(struct world *w)
{
    return op_embedding(&w->p, T(5, 4), T(3));
}

static struct tensor *wrong_nearest_code(struct world *w)
{
    return op_nearest_code(&w->p, T(5, 4), T(3, 3));
}

static struct tensor *wrong_straight_through(struct world *w)
{
    return op_straight_through(&w->p, T(5, 4), T(4, 5));
}

static struct tensor *wrong_cross_entropy(struct world *w)
{
    return op_cross_entropy(&w->p, T(5, 4), IDS(4));
}

static struct tensor *wrong_contrastive(struct world *w)
{
    return op_contrastive(&w->p, T(5, 4));
}

static struct tensor *wrong_l1(struct world *w)
{
    return op_l1(&w->p, T(2), T(3));
}

static struct tensor *wrong_sample(struct world *w)
{
    struct sample_rows rows = { .logits = T(2, 9),
                                .cond_row = IDS(2),
                                .uncond_row = IDS(2),
                                .guidance = T(2),
                                .temperature = T(2),
                                .top_k = IDS(2),
                                .top_p = T(3),
                                .seed = T(2, 2),
                                .position = IDS(2) };
    struct tensor *seed = op_reshape(&w->p, IDS(4), 2, (int64_t[]){ 2, 2 });
    rows.seed = seed;
    return sample_draw(&w->p, &rows);
}

static struct tensor *wrong_adamw(struct world *w)
{
    update_adamw(&w->p, T(2), T(3), T(2), T(2), &(struct adamw){ .step = 1 }, NULL);
    return NULL;
}

static struct tensor *arena_full(struct world *w)
{
    return op_repeat(&w->p, T(1024), 1024);
}

static const struct {
    struct tensor *(*run)(struct world *w);
    const char *msg;
} mistakes[] = {
    { wrong_linear, "op_linear: f32[2, 3] and f32[4, 5] do not fit: "
                    "x [..., I] and w [O, I] must agree in I" },
    { wrong_linear_bias, "op_linear_gelu: f32[4, 3] and f32[3] do not fit: "
                         "w [O, I] and bias f32 [O] must agree in O" },
    { wrong_linear_dtype, "op_linear: input 1 is i32[3], must be f32" },
    { missing_weight, "op_linear: input 2 is missing" },
    { wrong_matmul, "op_matmul: f32[2, 3, 4] and f32[2, 4, 5] do not fit: "
                    "the dimension that is summed over must be the same" },
    { wrong_matmul_batch, "op_matmul: f32[2, 3, 4] and f32[3, 4, 5] do not fit: "
                          "both must be matrices, or equally many of them" },
    { wrong_attention, "op_attention: f32[1, 2, 12] does not fit: "
                       "must be [B, T, 3D] with D a multiple of the heads" },
    { wrong_conv, "op_conv2d: f32[1, 8, 8, 3] and f32[6, 3, 3, 4] do not fit: "
                  "x [B, H, W, I] and w [O, kh, kw, I] must agree in I" },
    { small_conv, "op_conv2d: f32[1, 2, 8, 3] and f32[6, 4, 3, 3] do not fit: "
                  "the padded picture must hold the kernel, stride at least 1" },
    { wrong_residual, "op_conv2d_add: f32[1, 4, 4, 6] and f32[6, 3, 3, 3] do not fit: "
                      "the residual must be [B, H', W', O] as the result" },
    { wrong_upsample, "op_upsample2x_conv2d: f32[1, 4, 4, 3] and f32[6, 3, 3, 4] do not fit: "
                      "must be x [B, H, W, I] and w [O, 3, 3, I]" },
    { wrong_resize, "op_resize: f32[1, 4, 4, 3] does not fit: "
                    "must be [B, H, W, C], resized to at least 1x1" },
    { wrong_pixels_in, "op_pixels_in: f32[1, 4, 4, 3] does not fit: must be u8 [B, H, W, 3]" },
    { wrong_pixels_out, "op_pixels_out: f32[1, 4, 4, 1] does not fit: must be [B, H, W, 3]" },
    { wrong_layernorm, "op_layernorm: f32[2, 8] and f32[4] do not fit: "
                       "x [..., D], gain [D] and bias [D] must agree in D" },
    { wrong_groupnorm, "op_groupnorm: 6 channels are not 4 equal groups" },
    { wrong_batchnorm, "op_batchnorm: f32[1, 2, 2, 6] and f32[5] do not fit: "
                       "x [B, H, W, C], mean [C] and variance [C] must agree in C" },
    { wrong_dropout, "op_dropout: rate 1 is outside 0 <= rate < 1" },
    { wrong_add, "op_add: f32[2, 3] and f32[2] do not fit: "
                 "the second must have the last dimensions of the first" },
    { wrong_scale_exp, "op_scale_exp: f32[2, 3] and f32[2] do not fit: "
                       "the second must be a scalar" },
    { wrong_concat, "op_concat: f32[2, 3] and f32[3, 3] do not fit: "
                    "all dimensions but the axis must be equal" },
    { wrong_slice, "op_slice: f32[2, 3] does not fit: the slice must lie within the axis" },
    { wrong_reshape, "op_reshape: f32[2, 3] and f32[4, -1] do not fit: "
                     "both must have as many elements" },
    { wrong_permute, "op_permute: f32[2, 3] does not fit: "
                     "the order must name every dimension once" },
    { wrong_repeat, "op_repeat: f32[1, 2, 3, 4] does not fit: "
                    "must leave room for one more dimension of at least 1" },
    { wrong_replace_rows, "op_replace_rows: f32[2, 3] and i32[3] do not fit: "
                          "x [B, D] and mask i32 [B] must agree in B" },
    { wrong_embedding, "op_embedding: f32[5, 4] and f32[3] do not fit: "
                       "must be a table f32 [N, D] and ids i32 [...]" },
    { wrong_nearest_code, "op_nearest_code: f32[5, 4] and f32[3, 3] do not fit: "
                          "z [N, D] and codebook [K, D] must agree in D" },
    { wrong_straight_through, "op_straight_through: f32[5, 4] and f32[4, 5] do not fit: "
                              "both must have the same shape" },
    { wrong_cross_entropy, "op_cross_entropy: f32[5, 4] and i32[4] do not fit: "
                           "logits [N, V] and targets i32 [N] must agree in N" },
    { wrong_contrastive, "op_contrastive: f32[5, 4] does not fit: must be square, [N, N]" },
    { wrong_l1, "op_l1: f32[2] and f32[3] do not fit: both must have the same shape" },
    { wrong_sample, "sample: top_p is f32[3], must be f32[2]" },
    { wrong_adamw, "update_adamw: f32[2] and f32[3] do not fit: "
                   "weight and gradient must have the same shape" },
    { arena_full, "arena: 4194304 bytes wanted, 4096 of 1048576 in use" },
};

static void mistakes_are_named(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MB);
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct err e = { 0 };
        world_restart(&w);
        assert_null(mistakes[i].run(&w));
        assert_int_equal(pass_finish(&w.p, &e), -1);
        assert_string_equal(e.msg, mistakes[i].msg);
        assert_int_equal(e.code, mistakes[i].run == arena_full ? ERR_NOMEM : ERR_INTERNAL);
    }
    world_release(&w);
}

static void cached_attention_checks_the_cache(void **state)
{
    (void)state;
    struct world world, *w = &world;
    struct kv kv;
    struct err e;
    world_init(w, MB);
    assert_int_equal(kv_init(&kv, w->dev, DTYPE_I32, 2, 3, 4, 8, &e), -1);
    assert_err(&e, ERR_INVALID, "kv: a cache of i32, must be f32 or f16");
    assert_int_equal(kv_init(&kv, w->dev, DTYPE_F32, 2, 3, 4, 8, &e), 0);
    kv.slot = IDS(2);
    kv.pos = IDS(3);
    assert_null(op_attention(&w->p, T(2, 1, 24), 2, true, &kv, 0));
    assert_string_equal(w->p.err.msg, "op_attention: f32[2, 1, 24] does not fit: "
                                      "the cache wants slot and pos i32 [B] for [B, T, 3D]");
    world_restart(w);
    assert_null(op_attention(&w->p, T(2, 5, 24), 2, true, &kv, 2));
    assert_string_equal(w->p.err.msg, "op_attention: layer 2, 2 rows, 5 positions are outside the "
                                      "cache (2 layers, 3 slots, 4 positions)");
    kv_release(&kv);
    world_release(w);
}

static void the_first_error_stays(void **state)
{
    (void)state;
    struct world world, *w = &world;
    struct err e = { 0 };
    world_init(w, MB);
    struct tensor *x = T(2, 3), *y = wrong_linear(w);
    size_t used = w->arena.used;
    assert_null(op_silu(&w->p, y));
    assert_null(op_silu(&w->p, x));
    assert_null(op_dropout(&w->p, x, 7));
    assert_null(pass_tensor(&w->p, DTYPE_F32, 1, (int64_t[]){ 1 }));
    assert_int_equal(w->arena.used, used);
    assert_int_equal(pass_finish(&w->p, &e), -1);
    assert_int_equal(strncmp(e.msg, "op_linear: ", 11), 0);
    world_release(w);
}

/* ---- places ---- */

static void a_result_goes_to_its_place(void **state)
{
    (void)state;
    struct world world, *w = &world;
    world_init(w, MB);
    struct tensor *place = T(2, 3), *x = T(2, 3), *other = T(4, 3);
    pass_place(&w->p, place);
    struct tensor *elsewhere = op_silu(&w->p, other); /* of another shape */
    assert_ptr_not_equal(elsewhere, place);
    assert_ptr_equal(op_silu(&w->p, x), place);
    assert_ptr_not_equal(op_silu(&w->p, x), place);
    pass_place(&w->p, place);
    pass_place(&w->p, NULL);
    assert_ptr_not_equal(op_silu(&w->p, x), place);
    world_check(w);
    world_release(w);
}

/* ---- planning ---- */

/* A little of everything; with a tape, back again and an optimiser step. */
static void run_network(struct world *w)
{
    struct pass *p = &w->p;
    struct tensor *wq = WORLD_TENSOR(w, true, 24, 8), *bq = WORLD_TENSOR(w, true, 24);
    struct tensor *g = WORLD_TENSOR(w, true, 8), *b = WORLD_TENSOR(w, true, 8);
    struct tensor *k = WORLD_TENSOR(w, true, 8, 3, 3, 8), *x = T(2, 4, 4, 8);
    p->training = true;
    struct arena_mark before = arena_mark(&w->arena);
    struct tensor *h = op_conv2d(p, op_groupnorm(p, x, g, b, 2, 1e-5f, true), k, NULL, 1,
                                 (struct conv_pad){ 1, 1, 1, 1 });
    h = op_reshape(p, op_add(p, x, h), 3, (int64_t[]){ 2, 16, 8 });
    struct tensor *qkv = op_linear(p, op_layernorm(p, h, g, b, 1e-5f), wq, bq);
    h = op_add(p, h, op_dropout(p, op_attention(p, qkv, 2, true, NULL, 0), 0.1f));
    struct tensor *rows = op_reshape(p, h, 2, (int64_t[]){ -1, 8 });
    struct tensor *loss = op_contrastive(p, op_matmul(p, rows, false, rows, true, 0.5f));
    if (p->tape) {
        tape_seed(p, loss, 1);
        tape_backward(p, 0, tape_mark(p->tape));
        struct tensor *norm = update_grad_norm(p, (struct tensor *[]){ wq->grad, k->grad }, 2);
        update_adamw(p, g, g->grad, pass_tensor(p, DTYPE_F32, 1, g->dim), T(8),
                     &(struct adamw){ .step = 1 }, update_clip_factor(p, norm, 1));
    } else {
        arena_release(&w->arena, before);
    }
    world_check(w);
}

static void check_plan(bool tape)
{
    struct world plan, real;
    world_init_planning(&plan);
    world_init(&real, MB);
    if (!tape)
        plan.p.tape = real.p.tape = NULL;
    run_network(&plan);
    run_network(&real);
    assert_true(plan.arena.peak > 0);
    assert_int_equal(plan.arena.peak, real.arena.peak);
    assert_int_equal(plan.arena.used, real.arena.used);
    assert_int_equal(plan.arena.host_peak, real.arena.host_peak);
    assert_int_equal(tape_mark(plan.tape), tape_mark(real.tape));
    assert_int_equal(plan.p.n_streams, real.p.n_streams);
    world_release(&plan);
    world_release(&real);
}

static void planning_counts_what_inference_uses(void **state)
{
    (void)state;
    check_plan(false);
}

static void planning_counts_what_training_uses(void **state)
{
    (void)state;
    check_plan(true);
}

/* ---- random streams ---- */

static void every_dropout_has_its_stream(void **state)
{
    (void)state;
    struct world world, *w = &world;
    world_init(w, MB);
    struct tensor *x = T(64, 64);
    assert_ptr_equal(op_dropout(&w->p, x, 0.5f), x);
    w->p.training = true;
    w->p.seed = 5;
    struct tensor *a = op_dropout(&w->p, x, 0.5f), *b = op_dropout(&w->p, x, 0.5f);
    assert_int_equal(w->p.n_streams, 2);
    w->p.n_streams = 0;
    struct tensor *again = op_dropout(&w->p, x, 0.5f);
    world_check_same(w, a, again);
    void *a_bytes = world_read(w, a), *b_bytes = world_read(w, b);
    assert_memory_not_equal(a_bytes, b_bytes, tensor_bytes(a));
    mem_free(a_bytes);
    mem_free(b_bytes);
    world_release(w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(mistakes_are_named),
    cmocka_unit_test(cached_attention_checks_the_cache),
    cmocka_unit_test(the_first_error_stays),
    cmocka_unit_test(a_result_goes_to_its_place),
    cmocka_unit_test(planning_counts_what_inference_uses),
    cmocka_unit_test(planning_counts_what_training_uses),
    cmocka_unit_test(every_dropout_has_its_stream),
};

TEST_MAIN(tests)
