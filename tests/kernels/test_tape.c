/*
 * Tape: gradients of small composites against finite differences, ranges, frozen parameters, and
 * the same values with and without a tape. Single ops are test_grad's.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tests/kernels/world.h"
#include "tests/test.h"

#define MB ((size_t)1 << 20)
#define PARAMS_MAX 6

/* A composite makes its parameters on the first call (made[]) and gives a scalar. */
struct composite {
    const char *name;
    int n_params;
    struct {
        int n_dims;
        int64_t dim[4];
    } param[PARAMS_MAX];
    struct tensor *(*loss)(struct pass *p, struct tensor *const *param);
};

/* Weighs every element of y differently, so that no error can hide in a sum. */
static struct tensor *weigh(struct pass *p, const struct tensor *y, const struct tensor *weights)
{
    int64_t n = tensor_count(y);
    struct tensor *row = op_reshape(p, y, 2, (int64_t[]){ 1, n });
    struct tensor *column = op_reshape(p, weights, 2, (int64_t[]){ n, 1 });
    return op_reshape(p, op_matmul(p, row, false, column, false, 1), 0, NULL);
}

/* x [2, 3, 4], w1 [6, 4], b1 [6], w2 [4, 6], weights [2, 3, 4] */
static struct tensor *residual_mlp(struct pass *p, struct tensor *const *t)
{
    struct tensor *h = op_linear(p, op_linear_gelu(p, t[0], t[1], t[2]), t[3], NULL);
    struct tensor *x = op_add(p, t[0], h);
    return weigh(p, op_add(p, x, op_silu(p, x)), t[4]);
}

/* x is added to itself, used before and after, and reshaped twice. */
static struct tensor *shared_input(struct pass *p, struct tensor *const *t)
{
    struct tensor *before = op_silu(p, t[0]), *twice = op_add(p, t[0], t[0]);
    struct tensor *flat = op_reshape(p, t[0], 1, (int64_t[]){ 6 });
    struct tensor *flat_again = op_reshape(p, t[0], 1, (int64_t[]){ 6 });
    struct tensor *sum = op_add(p, op_gelu(p, flat), op_scale(p, flat_again, 3));
    struct tensor *y = op_add(p, op_add(p, before, twice), op_reshape(p, sum, 2, t[0]->dim));
    return weigh(p, y, t[1]);
}

/* Both operands of a sum have uses recorded after them: neither may write into the other. */
static struct tensor *crossed_sum(struct pass *p, struct tensor *const *t)
{
    struct tensor *a = op_scale(p, t[0], 2), *b = op_silu(p, t[1]);
    struct tensor *a_later = op_gelu(p, a), *b_later = op_gelu(p, b);
    struct tensor *y = op_add(p, a, b);
    y = op_add(p, op_add(p, y, a_later), op_add(p, b_later, a));
    return weigh(p, y, t[2]);
}

static struct tensor *product(struct pass *p, struct tensor *const *t, bool trans_a, bool trans_b)
{
    return weigh(p, op_matmul(p, t[0], trans_a, t[1], trans_b, 0.7f), t[2]);
}

static struct tensor *product_nn(struct pass *p, struct tensor *const *t)
{
    return product(p, t, false, false);
}

static struct tensor *product_nt(struct pass *p, struct tensor *const *t)
{
    return product(p, t, false, true);
}

static struct tensor *product_tn(struct pass *p, struct tensor *const *t)
{
    return product(p, t, true, false);
}

static struct tensor *product_tt(struct pass *p, struct tensor *const *t)
{
    return product(p, t, true, true);
}

/* x [1, 3, 4], w [12, 4], g [4], b [4], weights [1, 3, 4] */
static struct tensor *transformer(struct pass *p, struct tensor *const *t)
{
    struct tensor *qkv = op_linear(p, op_layernorm(p, t[0], t[2], t[3], 1e-5f), t[1], NULL);
    struct tensor *x = op_add(p, t[0], op_attention(p, qkv, 2, true, NULL, 0));
    return weigh(p, op_softmax(p, x), t[4]);
}

/* x [1, 4, 4, 2], w [4, 3, 3, 2], g [4], b [4], weights [1, 4, 4, 4], v [4, 3, 3, 4] */
static struct tensor *residual_block(struct pass *p, struct tensor *const *t)
{
    struct conv_pad pad = { 0, 0, 1, 1 };
    struct tensor *h = op_conv2d(p, t[0], t[1], t[2], 2, pad);
    h = op_upsample2x_conv2d(p, op_groupnorm(p, h, t[2], t[3], 2, 1e-5f, true), t[5], t[3]);
    return weigh(p, h, t[4]);
}

/* x [2, 3, 2], y [2, 1, 2], weights [2, 2, 2] */
static struct tensor *pieces(struct pass *p, struct tensor *const *t)
{
    struct tensor *all = op_concat(p, t[0], t[1], 1);
    struct tensor *a = op_slice(p, all, 1, 0, 2), *b = op_slice(p, all, 1, 2, 2);
    struct tensor *turned = op_permute(p, b, (int[]){ 1, 2, 0 });
    struct tensor *again = op_repeat(p, op_slice(p, t[0], 0, 1, 1), 1);
    struct tensor *rows = op_reshape(p, op_slice(p, again, 2, 0, 2), 3, (int64_t[]){ 1, 2, 2 });
    return weigh(p, op_add(p, op_add(p, a, turned), op_reshape(p, rows, 2, (int64_t[]){ 2, 2 })),
                 t[2]);
}

/* images [3, 4], texts [3, 4], log of the scale [] */
static struct tensor *contrastive(struct pass *p, struct tensor *const *t)
{
    struct tensor *a = op_l2norm(p, t[0], 1e-12f), *b = op_l2norm(p, t[1], 1e-12f);
    return op_contrastive(p, op_scale_exp(p, op_matmul(p, a, false, b, true, 1), t[2]));
}

/* z [3, 2], codes [3, 2]: the value is q's, the gradient goes to z; the loss terms are l2, l1. */
static struct tensor *two_losses(struct pass *p, struct tensor *const *t)
{
    struct tensor *l2 = op_l2(p, t[0], op_detach(p, t[1])), *l1 = op_l1(p, t[0], t[1]);
    return op_add(p, op_add(p, l2, op_scale(p, l1, 0.3f)), op_hinge(p, op_scale(p, t[0], 2), -1));
}

static const struct composite composites[] = {
    { "residual_mlp",
      5,
      { { 3, { 2, 3, 4 } }, { 2, { 6, 4 } }, { 1, { 6 } }, { 2, { 4, 6 } }, { 3, { 2, 3, 4 } } },
      residual_mlp },
    { "shared_input", 2, { { 2, { 2, 3 } }, { 2, { 2, 3 } } }, shared_input },
    { "crossed_sum", 3, { { 2, { 2, 3 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } } }, crossed_sum },
    { "product_nn", 3, { { 3, { 2, 3, 4 } }, { 3, { 2, 4, 5 } }, { 3, { 2, 3, 5 } } }, product_nn },
    { "product_nt", 3, { { 3, { 2, 3, 4 } }, { 3, { 2, 5, 4 } }, { 3, { 2, 3, 5 } } }, product_nt },
    { "product_tn", 3, { { 3, { 2, 4, 3 } }, { 3, { 2, 4, 5 } }, { 3, { 2, 3, 5 } } }, product_tn },
    { "product_tt", 3, { { 3, { 2, 4, 3 } }, { 3, { 2, 5, 4 } }, { 3, { 2, 3, 5 } } }, product_tt },
    { "product_2d", 3, { { 2, { 4, 3 } }, { 2, { 5, 4 } }, { 2, { 3, 5 } } }, product_tt },
    { "transformer",
      5,
      { { 3, { 1, 3, 4 } }, { 2, { 12, 4 } }, { 1, { 4 } }, { 1, { 4 } }, { 3, { 1, 3, 4 } } },
      transformer },
    { "residual_block",
      6,
      { { 4, { 1, 4, 4, 2 } },
        { 4, { 4, 3, 3, 2 } },
        { 1, { 4 } },
        { 1, { 4 } },
        { 4, { 1, 4, 4, 4 } },
        { 4, { 4, 3, 3, 4 } } },
      residual_block },
    { "pieces", 3, { { 3, { 2, 3, 2 } }, { 3, { 2, 1, 2 } }, { 3, { 2, 2, 2 } } }, pieces },
    { "contrastive", 3, { { 2, { 3, 4 } }, { 2, { 3, 4 } }, { 0, { 0 } } }, contrastive },
};

#define N_COMPOSITES (sizeof composites / sizeof composites[0])

static void make_params(struct world *w, const struct composite *c, struct tensor **param)
{
    for (int i = 0; i < c->n_params; i++)
        param[i] = world_tensor(w, true, c->param[i].n_dims, c->param[i].dim);
}

/* The loss with element i of t moved by step. */
static float loss_near(struct world *w, const struct composite *c, struct tensor **param,
                       struct tensor *t, int64_t i, float step)
{
    struct err e;
    float value, moved;
    size_t at = (size_t)i * sizeof value;
    struct arena_mark mark = arena_mark(&w->arena);
    assert_int_equal(device_download(w->dev, t, at, &value, sizeof value, &e), 0);
    moved = value + step;
    assert_int_equal(device_upload(w->dev, t, at, &moved, sizeof moved, &e), 0);
    w->p.tape = NULL;
    float loss = world_scalar(w, c->loss(&w->p, param));
    w->p.tape = w->tape;
    assert_int_equal(device_upload(w->dev, t, at, &value, sizeof value, &e), 0);
    arena_release(&w->arena, mark);
    return loss;
}

/* Central differences of fp32 values near 1 with this step are good to about 1e-3. */
static void check_differences(struct world *w, const struct composite *c, struct tensor **param,
                              int which)
{
    const float step = 1e-2f, tolerance = 4e-3f;
    struct tensor *t = param[which];
    float *grad = world_read(w, t->grad);
    for (int64_t i = 0; i < tensor_count(t); i++) {
        float up = loss_near(w, c, param, t, i, step), down = loss_near(w, c, param, t, i, -step);
        float want = (up - down) / (2 * step);
        if (!(fabsf(grad[i] - want) <= tolerance * (1 + fabsf(want))))
            fail_msg("%s: parameter %d, element %d: gradient %g, difference %g", c->name, which,
                     (int)i, grad[i], want);
    }
    mem_free(grad);
}

static void gradients_match_differences(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MB);
    for (size_t k = 0; k < N_COMPOSITES; k++) {
        const struct composite *c = &composites[k];
        struct tensor *param[PARAMS_MAX];
        world_restart(&w);
        make_params(&w, c, param);
        tape_seed(&w.p, c->loss(&w.p, param), 1);
        tape_backward(&w.p, 0, tape_mark(w.tape));
        world_check(&w);
        for (int i = 0; i < c->n_params; i++)
            check_differences(&w, c, param, i);
    }
    world_release(&w);
}

/* A tape changes no value, and a parameter list that wants nothing leaves it empty. */
static void values_do_not_depend_on_the_tape(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MB);
    for (size_t k = 0; k < N_COMPOSITES; k++) {
        struct tensor *param[PARAMS_MAX];
        world_restart(&w);
        make_params(&w, &composites[k], param);
        struct tensor *with = composites[k].loss(&w.p, param);
        size_t n = tape_mark(w.tape);
        for (int i = 0; i < composites[k].n_params; i++)
            param[i]->wants_grad = false;
        struct tensor *frozen = composites[k].loss(&w.p, param);
        assert_true(n > 0);
        assert_int_equal(tape_mark(w.tape), n);
        assert_true(with->wants_grad && !frozen->wants_grad);
        w.p.tape = NULL;
        struct tensor *without = composites[k].loss(&w.p, param);
        world_check_same(&w, with, frozen);
        world_check_same(&w, with, without);
    }
    world_release(&w);
}

/* Fused without a tape, in two steps with one: the same bytes, whatever the sizes. */
static void linear_gelu_is_linear_then_gelu(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 16 * MB);
    static const int64_t rows[] = { 1, 3, 16, 127, 128, 129, 300 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world_restart(&w);
        struct tensor *x = WORLD_TENSOR(&w, true, rows[i], 70),
                      *weight = WORLD_TENSOR(&w, false, 131, 70);
        struct tensor *b = WORLD_TENSOR(&w, false, 131);
        struct tensor *apart = op_linear_gelu(&w.p, x, weight, b);
        assert_int_equal(tape_mark(w.tape), 2);
        w.p.tape = NULL;
        world_check_same(&w, op_linear_gelu(&w.p, x, weight, b), apart);
        world_check_same(&w, op_linear_gelu(&w.p, x, weight, NULL),
                         op_gelu(&w.p, op_linear(&w.p, x, weight, NULL)));
    }
    world_release(&w);
}

static void gradients_add_up_over_passes(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MB);
    struct tensor *x = WORLD_TENSOR(&w, true, 4), *weights = WORLD_TENSOR(&w, false, 4);
    for (int i = 0; i < 2; i++) {
        tape_clear(w.tape);
        tape_seed(&w.p, weigh(&w.p, x, weights), 1);
        tape_backward(&w.p, 0, tape_mark(w.tape));
    }
    world_check_same(&w, x->grad, op_scale(&w.p, weights, 2));
    world_release(&w);
}

/* The GAN's way: two losses of one tensor run back to it apart, then a blend of both further. */
static void ranges_run_back_alone(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MB);
    struct tensor *weight = WORLD_TENSOR(&w, true, 4, 4), *x = WORLD_TENSOR(&w, false, 3, 4);
    struct tensor *target = WORLD_TENSOR(&w, false, 3, 4);
    struct tensor *made = op_linear(&w.p, x, weight, NULL);
    size_t after_made = tape_mark(w.tape);
    struct tensor *rec = op_l2(&w.p, made, target);
    size_t after_rec = tape_mark(w.tape);
    struct tensor *gan = op_hinge(&w.p, op_silu(&w.p, made), 1);
    size_t end = tape_mark(w.tape);

    tape_seed(&w.p, gan, 1);
    tape_backward(&w.p, after_rec, end);
    struct tensor *g_gan = made->grad;
    tape_set_grad(made, NULL);
    tape_seed(&w.p, rec, 1);
    tape_backward(&w.p, after_made, after_rec);
    struct tensor *g_rec = made->grad;
    assert_ptr_not_equal(g_gan->data, g_rec->data);
    tape_set_grad(made, op_add(&w.p, g_rec, op_scale(&w.p, g_gan, 0.8f)));
    tape_backward(&w.p, 0, after_made);
    struct tensor *apart = op_scale(&w.p, weight->grad, 1);

    struct err e;
    assert_int_equal(device_zero(w.dev, weight->grad, &e), 0);
    tape_clear(w.tape);
    made = op_linear(&w.p, x, weight, NULL);
    gan = op_scale(&w.p, op_hinge(&w.p, op_silu(&w.p, made), 1), 0.8f);
    tape_seed(&w.p, op_add(&w.p, op_l2(&w.p, made, target), gan), 1);
    tape_backward(&w.p, 0, tape_mark(w.tape));
    float *a = world_read(&w, apart), *b = world_read(&w, weight->grad);
    for (int i = 0; i < 16; i++)
        assert_true(fabsf(a[i] - b[i]) <= 1e-6f * (1 + fabsf(b[i])));
    mem_free(a);
    mem_free(b);
    world_release(&w);
}

/* A discriminator in the generator's step: its weights get nothing, its input does. */
static void frozen_parameters_cost_nothing(void **state)
{
    (void)state;
    struct world w;
    size_t used[2];
    world_init(&w, MB);
    for (int frozen = 0; frozen < 2; frozen++) {
        world_restart(&w);
        struct tensor *x = WORLD_TENSOR(&w, true, 2, 8), *weight = WORLD_TENSOR(&w, false, 8, 8);
        struct tensor *bias = WORLD_TENSOR(&w, false, 8);
        weight->wants_grad = bias->wants_grad = !frozen;
        size_t before = w.arena.used;
        tape_seed(&w.p, op_mean(&w.p, op_linear(&w.p, x, weight, bias)), 1);
        tape_backward(&w.p, 0, tape_mark(w.tape));
        world_check(&w);
        assert_int_equal(weight->grad == NULL, frozen);
        assert_int_equal(bias->grad == NULL, frozen);
        float *dx = world_read(&w, x->grad);
        assert_true(dx[0] != 0);
        mem_free(dx);
        used[frozen] = w.arena.used - before;
    }
    assert_int_equal(used[0] - used[1], 8 * 8 * 4 + 64);
    world_release(&w);
}

/* Nothing flows to the input of a detached tensor or to the values of a straight-through one. */
static void detached_inputs_get_nothing(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MB);
    struct tensor *z = WORLD_TENSOR(&w, true, 2, 3), *q = WORLD_TENSOR(&w, false, 2, 3);
    struct tensor *weights = WORLD_TENSOR(&w, false, 2, 3), *t[2] = { z, q };
    q->wants_grad = true;
    struct tensor *y = op_straight_through(&w.p, z, q);
    assert_ptr_equal(y->data, q->data);
    tape_seed(&w.p, weigh(&w.p, y, weights), 1);
    tape_backward(&w.p, 0, tape_mark(w.tape));
    world_check_same(&w, z->grad, weights);
    assert_null(q->grad);
    assert_false(op_detach(&w.p, z)->wants_grad);
    tape_seed(&w.p, two_losses(&w.p, t), 1);
    world_check(&w);
    world_release(&w);
}

static void a_seed_needs_a_record(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MB);
    tape_seed(&w.p, op_mean(&w.p, WORLD_TENSOR(&w, false, 3)), 1);
    assert_string_equal(w.p.err.msg, "tape: the seeded tensor wants no gradient: it is made from "
                                     "nothing that does");
    world_release(&w);
}

static void dropout_goes_back_through_the_same_mask(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MB);
    struct tensor *x = WORLD_TENSOR(&w, true, 100), *weights = WORLD_TENSOR(&w, false, 100);
    w.p.training = true;
    struct tensor *y = op_dropout(&w.p, x, 0.4f);
    tape_seed(&w.p, weigh(&w.p, y, weights), 1);
    tape_backward(&w.p, 0, tape_mark(w.tape));
    world_check(&w);
    float *dx = world_read(&w, x->grad), *out = world_read(&w, y);
    int n_dropped = 0;
    for (int i = 0; i < 100; i++) {
        assert_true((dx[i] == 0) == (out[i] == 0));
        n_dropped += out[i] == 0;
    }
    assert_in_range(n_dropped, 20, 60);
    mem_free(dx);
    mem_free(out);
    world_release(&w);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(gradients_match_differences),
    cmocka_unit_test(values_do_not_depend_on_the_tape),
    cmocka_unit_test(linear_gelu_is_linear_then_gelu),
    cmocka_unit_test(gradients_add_up_over_passes),
    cmocka_unit_test(ranges_run_back_alone),
    cmocka_unit_test(frozen_parameters_cost_nothing),
    cmocka_unit_test(detached_inputs_get_nothing),
    cmocka_unit_test(a_seed_needs_a_record),
    cmocka_unit_test(dropout_goes_back_through_the_same_mask),
};

TEST_MAIN(tests)
