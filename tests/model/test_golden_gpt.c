/* The transformer against the reference: logits, loss, every gradient, ten AdamW steps, greedy
 * tokens, and the filters that sampling applies to logits. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/sample.h"
#include "kernels/update.h"
#include "tests/model/tiny.h"
#include "tests/test.h"

#define STEPS 10

struct result {
    struct tensor *logits, *loss;
};

static struct result run(struct tiny_gpt *t, bool with_tape)
{
    struct pass *p = golden_pass(&t->g, with_tape);
    struct tensor *cond = golden_input(&t->g, "in.cond", GOLDEN_AS_STORED);
    int64_t B = cond->dim[0], T = t->net.config.tokens;
    struct tensor *tokens = golden_ids(&t->g, "in.tokens", 2, (int64_t[]){ B, T });
    struct tensor *targets = op_reshape(p, tokens, 1, (int64_t[]){ -1 });
    struct result r;

    r.logits = gpt_forward(p, &t->net, cond, op_slice(p, tokens, 1, 0, T - 1), NULL);
    r.loss = op_cross_entropy(p, op_reshape(p, r.logits, 2, (int64_t[]){ B * T, -1 }), targets);
    golden_finish(&t->g);
    return r;
}

static void logits_match(void **state)
{
    (void)state;
    struct tiny_gpt t;

    tiny_gpt_open(&t);
    struct result r = run(&t, false);
    golden_check(&t.g, "out.logits", r.logits, GOLDEN_AS_STORED, GOLDEN_LOGITS);
    golden_check_scalar(&t.g, "out.loss", r.loss);
    tiny_gpt_close(&t);
}

static void gradients_match(void **state)
{
    (void)state;
    struct tiny_gpt t;

    tiny_gpt_open(&t);
    struct result r = run(&t, true);
    golden_backward(&t.g, r.loss);
    assert_int_equal(golden_check_grads(&t.g, &t.params, "grad"), t.params.n);
    tiny_gpt_close(&t);
}

static void greedy_tokens_match(void **state)
{
    (void)state;
    struct tiny_gpt t;
    int64_t n;

    tiny_gpt_open(&t);
    float *cond = golden_floats(&t.g, "in.cond", NULL);
    int32_t *want = golden_ints(&t.g, "out.greedy_tokens", &n), got[64];
    assert_true(n <= 64);
    tiny_gpt_greedy(&t, cond, n / t.net.config.tokens, got);
    assert_memory_equal(got, want, (size_t)n * sizeof *want);
    mem_free(cond);
    mem_free(want);
    tiny_gpt_close(&t);
}

/* ---- ten AdamW steps ---- */

static void decay_is_where_the_reference_has_it(void **state)
{
    (void)state;
    struct tiny_gpt t;
    char quoted[128];

    tiny_gpt_open(&t);
    const char *names = weights_metadata(t.g.file, "adamw_decay");
    for (int i = 0; i < t.params.n; i++) {
        const struct param *param = t.params.item[i];
        snprintf(quoted, sizeof quoted, "\"%s\"", param->name);
        if (!!strstr(names, quoted) != !!(param->flags & PARAM_DECAY))
            fail_msg("weight decay of %s is not the reference's", param->name);
    }
    tiny_gpt_close(&t);
}

/* A zeroed tensor for every parameter. */
static void moments_init(struct param_list *m, const struct param_list *l, struct device *dev)
{
    struct err e = { 0 };

    param_list_init(m);
    for (int i = 0; i < l->n; i++) {
        const struct tensor *t = &l->item[i]->value;
        param_add(m, PARAM_BUFFER, START_ZERO, 0, t->n_dims, t->dim, "%s", l->item[i]->name);
    }
    golden_ok(param_list_alloc(m, dev, false, &e) || param_list_reset(m, 0, &e), &e);
}

static void adamw_step(struct tiny_gpt *t, struct param_list *m, struct param_list *v, int step)
{
    struct err e = { 0 };

    golden_ok(param_list_zero_grads(&t->params, &e), &e);
    golden_backward(&t->g, run(t, true).loss);
    for (int i = 0; i < t->params.n; i++) {
        struct param *param = t->params.item[i];
        struct adamw h = { .lr = 1e-3f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .step = step };
        h.decay = param->flags & PARAM_DECAY ? 0.01f : 0;
        update_adamw(&t->g.pass, &param->value, &param->grad, &m->item[i]->value,
                     &v->item[i]->value, &h, NULL);
    }
    golden_finish(&t->g);
}

static float loss_now(struct tiny_gpt *t)
{
    float *value = golden_download(&t->g, run(t, false).loss), loss = *value;

    mem_free(value);
    return loss;
}

/* The gradient of attention's key biases is rounding noise, which Adam scales up to +-lr. */
static bool is_key_bias(const struct tiny_gpt *t, const char *name, int64_t i)
{
    int64_t D = t->net.config.width;

    return strstr(name, "in_proj_bias") && i >= D && i < 2 * D;
}

struct drift {
    int64_t compared, over; /* elements; of them more than 1e-4 off */
};

static void compare_final(struct tiny_gpt *t, const struct param *param, struct drift *d)
{
    char whole[160], some[160];
    int64_t n;
    snprintf(whole, sizeof whole, "final.%s", param->name);
    snprintf(some, sizeof some, "final_every13.%s", param->name);
    bool all = weights_find(t->g.file, whole);
    float *got = golden_download(&t->g, &param->value);
    float *want = golden_floats(&t->g, all ? whole : some, &n);

    for (int64_t i = 0, at = 0; i < n; i++, at += all ? 1 : 13) {
        double off = fabs((double)got[at] - want[i]);
        if (is_key_bias(t, param->name, at))
            continue;
        if (!(off <= 2e-3))
            fail_msg("%s[%d]: off by %g after training", param->name, (int)at, off);
        d->compared++;
        d->over += off > 1e-4;
    }
    mem_free(got);
    mem_free(want);
}

static void ten_adamw_steps_match(void **state)
{
    (void)state;
    struct param_list m, v;
    struct drift d = { 0 };
    struct tiny_gpt t;

    tiny_gpt_open(&t);
    moments_init(&m, &t.params, t.g.dev);
    moments_init(&v, &t.params, t.g.dev);
    float *want = golden_floats(&t.g, "out.adamw_losses", NULL);
    for (int step = 1; step <= STEPS; step++) {
        assert_float_equal(loss_now(&t), want[step - 1], 1e-4 * want[step - 1]);
        adamw_step(&t, &m, &v, step);
    }
    golden_check_number(&t.g, "out.adamw_loss_after", loss_now(&t));
    for (int i = 0; i < t.params.n; i++)
        compare_final(&t, t.params.item[i], &d);
    assert_true(d.over * 1000 <= d.compared);
    mem_free(want);
    param_list_release(&m);
    param_list_release(&v);
    tiny_gpt_close(&t);
}

/* ---- filters ---- */

#define ROWS 6

static struct tensor *filtered(struct golden *g, int top_k, float top_p)
{
    struct pass *p = golden_pass(g, false);
    int64_t n[] = { ROWS, 2 };
    int32_t row[ROWS], none[ROWS], k[ROWS], zero[2 * ROWS] = { 0 };
    float one[ROWS], temperature[ROWS], cumulative[ROWS];

    for (int i = 0; i < ROWS; i++) {
        row[i] = i;
        none[i] = -1;
        k[i] = top_k;
        one[i] = 1;
        temperature[i] = 0.8f;
        cumulative[i] = top_p;
    }
    struct sample_rows rows = {
        .logits = golden_input(g, "filter.logits", GOLDEN_AS_STORED),
        .cond_row = pass_upload(p, DTYPE_I32, 1, n, row),
        .uncond_row = pass_upload(p, DTYPE_I32, 1, n, none),
        .guidance = pass_upload(p, DTYPE_F32, 1, n, one),
        .temperature = pass_upload(p, DTYPE_F32, 1, n, temperature),
        .top_k = pass_upload(p, DTYPE_I32, 1, n, k),
        .top_p = pass_upload(p, DTYPE_F32, 1, n, cumulative),
        .seed = pass_upload(p, DTYPE_I32, 2, n, zero),
        .position = pass_upload(p, DTYPE_I32, 1, n, zero),
    };
    return sample_probs(p, &rows);
}

static void compare_probs(struct golden *g, const char *name, int top_k, float top_p)
{
    float *got = golden_download(g, filtered(g, top_k, top_p));
    int64_t n;
    float *want = golden_floats(g, name, &n);

    for (int64_t i = 0; i < n; i++) {
        if ((got[i] == 0) != (want[i] == 0))
            fail_msg("%s[%d]: %g instead of %g", name, (int)i, (double)got[i], (double)want[i]);
        assert_float_equal(got[i], want[i], 1e-6);
    }
    mem_free(got);
    mem_free(want);
}

static void filters_match(void **state)
{
    (void)state;
    struct golden g;

    golden_open(&g, "gpt_tiny.safetensors");
    compare_probs(&g, "filter.probs", 20, 0.9f);
    compare_probs(&g, "filter.probs_top_k_only", 20, 1.0f);
    compare_probs(&g, "filter.probs_top_p_only", 0, 0.9f);
    golden_close(&g);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(logits_match),          cmocka_unit_test(gradients_match),
    cmocka_unit_test(greedy_tokens_match),   cmocka_unit_test(decay_is_where_the_reference_has_it),
    cmocka_unit_test(ten_adamw_steps_match), cmocka_unit_test(filters_match),
};
TEST_MAIN(TESTS)
