/*
 * Formats of matrices: how far a network's answers move. Bounds are about twice what was measured
 * on these networks, whose rows are short: blocks of 32 numbers are a large part of them.
 */
#include <math.h>

#include "base/mem.h"
#include "tests/model/golden.h"
#include "tests/model/tiny_bundle.h"
#include "tests/test.h"

enum { E = 32, T = 16, V = 64, CONTEXT = 16, B = 3 };

static const struct {
    enum param_format format;
    double logits, embeds; /* relative L2 distances to plain rows */
} BOUNDS[] = {
    { PARAM_F32, 1e-6, 1e-6 },  { PARAM_F16, 1.2e-3, 6e-4 }, { PARAM_BF16, 0.01, 0.006 },
    { PARAM_Q8_0, 0.04, 0.02 }, { PARAM_Q4_0, 0.5, 0.25 },
};

/* Logits of whole sequences, or text embeddings; mem_free. */
struct answers {
    float *logits, *embeds;
};

static float *read(struct golden *g, const struct tensor *t)
{
    struct err e = { 0 };

    golden_finish(g);
    float *values = mem_alloc(1, tensor_bytes(t));
    assert_non_null(values);
    golden_ok(device_download(g->dev, t, 0, values, tensor_bytes(t), &e), &e);
    return values;
}

static struct answers answers(struct golden *g, enum param_format format)
{
    struct bundle *b = tiny_bundle_in(g->dev, false, format);
    struct answers a;
    struct pass *p = golden_pass(g, false);
    int64_t dim[] = { B, T };
    struct tensor *cond = golden_input(g, "in.cond", GOLDEN_AS_STORED);
    struct tensor *tokens = op_slice(p, golden_ids(g, "in.tokens", 2, dim), 1, 0, T - 1);

    a.logits = read(g, gpt_forward(p, &b->gpt, cond, tokens, NULL));
    p = golden_pass(g, false);
    int32_t ids[B * CONTEXT], ends[B];
    int64_t text[] = { B, CONTEXT }, n = B;
    for (int i = 0; i < B * CONTEXT; i++)
        ids[i] = i % CONTEXT == 0 ? 98 : i % CONTEXT == 9 ? 99 : i * 7 % 98;
    for (int i = 0; i < B; i++)
        ends[i] = 9;
    struct tensor *in = pass_upload(p, DTYPE_I32, 2, text, ids);
    a.embeds = read(g, clip_text(p, &b->clip, in, pass_upload(p, DTYPE_I32, 1, &n, ends)));
    bundle_close(b);
    return a;
}

static double distance(const float *got, const float *want, int n)
{
    double far = 0, all = 0;

    for (int i = 0; i < n; i++) {
        far += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        all += (double)want[i] * want[i];
    }
    return sqrt(far / all);
}

static void expect_near(const char *what, enum param_format format, double got, double bound)
{
    print_message("%s in %s: %.2g\n", what, param_format_name(format), got);
    if (!(got <= bound) || (got == 0 && format != PARAM_F32))
        fail_msg("%s in %s are off by %g, allowed %g", what, param_format_name(format), got, bound);
}

static void answers_stay_near(void **state)
{
    struct golden g;

    (void)state;
    golden_open(&g, "gpt_tiny.safetensors");
    struct answers plain = answers(&g, PARAM_PLAIN);
    for (size_t i = 0; i < sizeof BOUNDS / sizeof *BOUNDS; i++) {
        enum param_format format = BOUNDS[i].format;
        struct answers a = answers(&g, format);
        expect_near("logits", format, distance(a.logits, plain.logits, B * T * V),
                    BOUNDS[i].logits);
        expect_near("text embeddings", format, distance(a.embeds, plain.embeds, B * E),
                    BOUNDS[i].embeds);
        mem_free(a.logits);
        mem_free(a.embeds);
    }
    mem_free(plain.logits);
    mem_free(plain.embeds);
    golden_close(&g);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(answers_stay_near),
};
TEST_MAIN(TESTS)
