/*
 * The shipped bundle draws a picture on the CUDA backend and on the CPU's: the same tokens, and
 * pixels within one level.
 */
#include <string.h>

#include "base/mem.h"
#include "model/generate.h"
#include "tests/cuda_host/plugin.h"
#include "tests/test.h"

#define PROMPT "a red apple on a blue background"

struct drawn {
    int n_tokens;
    int32_t *tokens;
    struct image img;
};

static void ok(int failed, const struct err *e)
{
    if (failed)
        fail_msg("%s", e->msg);
}

static struct gen_settings settings_of(const struct bundle *b)
{
    const struct bundle_sampling *s = &b->config.sampling;

    return (struct gen_settings){ .seed = 7,
                                  .temperature = s->temperature,
                                  .top_k = s->top_k,
                                  .top_p = s->top_p,
                                  .guidance = s->guidance };
}

/* The prompt's slot. */
static int admit(struct bundle *b, struct gen *g)
{
    struct gen_settings settings = settings_of(b);
    int context = b->config.clip.text.context, width = b->config.clip.embed_dim, slot;
    int32_t *ids = mem_alloc((size_t)context, sizeof *ids);
    float *cond = mem_alloc((size_t)width, sizeof *cond);
    struct tokenizer_result text;
    struct err e;

    assert_true(ids && cond);
    ok(tokenizer_encode(b->tokenizer, PROMPT, strlen(PROMPT), context, ids, &text, &e) ||
           gen_embed_text(g, ids, text.end, cond, &e) ||
           gen_condition(g, cond, GEN_TEXT, cond, &e) ||
           gen_admit(g, cond, NULL, &settings, &slot, &e),
       &e);
    mem_free(ids);
    mem_free(cond);
    return slot;
}

static void take(struct gen *g, int slot, struct drawn *d)
{
    struct err e;

    d->n_tokens = gen_position(g, slot);
    d->tokens = mem_alloc((size_t)d->n_tokens, sizeof *d->tokens);
    assert_non_null(d->tokens);
    memcpy(d->tokens, gen_tokens(g, slot), (size_t)d->n_tokens * sizeof *d->tokens);
    ok(gen_image(g, slot, &d->img, &e), &e);
}

static void draw(const char *backend, struct drawn *d)
{
    char path[1024];
    struct device *dev;
    struct bundle *b;
    struct gen *g;
    struct err e;

    snprintf(path, sizeof path, "%s/models/emoji-64", test_srcdir());
    ok(device_open(backend, 0, &dev, &e) || bundle_open(path, dev, PARAM_F32, &b, &e) ||
           gen_new(b, 2, &g, &e),
       &e);
    int slot = admit(b, g);
    while (gen_live(g))
        ok(gen_step(g, &e), &e);
    take(g, slot, d);
    gen_free(g);
    bundle_close(b);
    device_close(dev);
}

static void release(struct drawn *d)
{
    mem_free(d->tokens);
    image_release(&d->img);
}

static void test_same_picture(void **state)
{
    struct drawn cpu, cuda;

    (void)state;
    draw("cpu", &cpu);
    draw(test_backend(), &cuda);
    assert_int_equal(cuda.n_tokens, cpu.n_tokens);
    for (int i = 0; i < cpu.n_tokens; i++)
        if (cuda.tokens[i] != cpu.tokens[i])
            fail_msg("token %d is %d, on the CPU %d", i, cuda.tokens[i], cpu.tokens[i]);
    assert_int_equal(cuda.img.w, cpu.img.w);
    for (int i = 0; i < cpu.img.w * cpu.img.h * 3; i++)
        if (abs(cuda.img.px[i] - cpu.img.px[i]) > 1)
            fail_msg("value %d is %d, on the CPU %d", i, cuda.img.px[i], cpu.img.px[i]);
    release(&cpu);
    release(&cuda);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_same_picture),
};

int main(void)
{
    if (getenv("CLIPGEN_TEST_BRIEF")) {
        puts("skipped: a bundle of real size takes too long under sanitizers; networks are tiny");
        return 77;
    }
    plugin_choose();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
