/*
 * Memory that runs out, at every allocation in turn: always NOMEM with words, never a crash. With
 * --enable-sanitize=address this also shows that nothing is left behind.
 */
#include "tests/test.h"

#include <string.h>

#include "base/mem.h"
#include "model/bundle_config.h"
#include "model/generate.h"
#include "tests/model/golden.h"
#include "tests/model/tiny_bundle.h"

struct world {
    struct device *dev;
    struct bundle *b;
    struct tokenizer *tok;
    char vocabulary[512];
};

static int try_open_tokenizer(struct world *w, struct err *e)
{
    struct tokenizer *t;

    if (tokenizer_open(w->vocabulary, 32, &t, e))
        return -1;
    tokenizer_close(t);
    return 0;
}

static int try_encode(struct world *w, struct err *e)
{
    struct tokenizer_result r;
    int32_t ids[16];

    return tokenizer_encode(w->tok, "the &amp; thing", 15, 16, ids, &r, e);
}

static int try_learn(struct world *w, struct err *e)
{
    static const char TEXT[] = "a red fox\na red hen";
    struct buf out;
    int rc;

    (void)w;
    buf_init(&out, 1 << 20);
    rc = tokenizer_learn(TEXT, sizeof TEXT - 1, 5, &out, e);
    buf_release(&out);
    return rc;
}

static int try_read_weights(struct world *w, struct err *e)
{
    static const char FILE[] = "\x40\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[1],"
                               "\"data_offsets\":[0,1]}}           .";
    struct weights *weights;

    (void)w;
    if (weights_open_memory(FILE, sizeof FILE - 1, &weights, e))
        return -1;
    weights_close(weights);
    return 0;
}

static int try_collect_weights(struct world *w, struct err *e)
{
    struct weights_out *o;
    int rc;

    if (weights_out_new(&o, e))
        return -1;
    rc = weights_out_add_params(o, "clip.", &w->b->clip_params, W_F16, e);
    weights_out_free(o);
    return rc;
}

static int try_format_config(struct world *w, struct err *e)
{
    struct buf out;
    int rc;

    buf_init(&out, BUNDLE_CONFIG_MAX);
    rc = bundle_config_format(&w->b->config, &out, e);
    buf_release(&out);
    return rc;
}

static int try_bundle(struct world *w, struct err *e)
{
    struct bundle *b;

    if (bundle_new(&w->b->config, w->dev, PARAM_PLAIN, &b, e))
        return -1;
    bundle_close(b);
    return 0;
}

static int try_generate(struct world *w, struct err *e)
{
    struct gen *g;

    if (gen_new(w->b, 2, &g, e))
        return -1;
    gen_free(g);
    return 0;
}

/* Lets the 1st, 2nd, ... allocation fail, until all of them succeed. */
static void torture(struct world *w, int (*attempt)(struct world *w, struct err *e))
{
    int rc = -1;

    for (long n = 1; rc; n++) {
        struct err e = { 0 };
        mem_fail_after(n);
        rc = attempt(w, &e);
        mem_fail_after(0);
        if (rc && e.code != ERR_NOMEM)
            fail_msg("allocation %ld failed with: %s", n, e.msg);
        if (!rc)
            assert_true(n > 1); /* it does allocate */
    }
}

static void test_every_allocation(void **state)
{
    static int (*const ATTEMPTS[])(struct world * w, struct err * e) = {
        try_open_tokenizer,  try_encode,        try_learn,  try_read_weights,
        try_collect_weights, try_format_config, try_bundle, try_generate,
    };
    struct err e = { 0 };
    struct world w;

    (void)state;
    snprintf(w.vocabulary, sizeof w.vocabulary, "%s/tests/data/golden/tokenizer/bpe_tiny.txt.gz",
             test_srcdir());
    golden_ok(device_open("cpu", 1, &w.dev, &e), &e);
    golden_ok(tokenizer_open(w.vocabulary, 32, &w.tok, &e), &e);
    w.b = tiny_bundle(w.dev, true);
    for (size_t i = 0; i < sizeof ATTEMPTS / sizeof *ATTEMPTS; i++)
        torture(&w, ATTEMPTS[i]);
    bundle_close(w.b);
    tokenizer_close(w.tok);
    device_close(w.dev);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(test_every_allocation),
};

TEST_MAIN(TESTS)
