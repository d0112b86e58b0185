/* "Same seed, same bytes, whatever else runs": a row alone gives the same bytes as the same row in
 * company, for everything that serving batches. */
#include <string.h>

#include "base/mem.h"
#include "tests/model/tiny.h"
#include "tests/test.h"

/* Rows of two results that must be the same bytes; n values each. */
static void same_bytes(const float *alone, const float *company, size_t n)
{
    assert_memory_equal(alone, company, n * sizeof *alone);
}

/* ---- CLIP ---- */

static void text_alone_is_text_in_company(void **state)
{
    (void)state;
    struct tiny_clip t;
    int64_t n;

    tiny_clip_open(&t);
    size_t E = (size_t)t.net.config.embed_dim;
    int64_t T = t.net.config.text.context;
    int32_t *ids = golden_ints(&t.g, "in.token_ids", &n);
    golden_pass(&t.g, false);
    float *all = golden_download(&t.g, tiny_clip_text(&t, ids, n / T));
    for (int64_t b = 0; b < n / T; b++) {
        golden_pass(&t.g, false);
        float *one = golden_download(&t.g, tiny_clip_text(&t, ids + b * T, 1));
        same_bytes(one, all + (size_t)b * E, E);
        mem_free(one);
    }
    mem_free(ids);
    mem_free(all);
    tiny_clip_close(&t);
}

static void image_alone_is_image_in_company(void **state)
{
    (void)state;
    struct tiny_clip t;

    tiny_clip_open(&t);
    size_t E = (size_t)t.net.config.embed_dim;
    struct pass *p = golden_pass(&t.g, false);
    struct tensor *x = golden_input(&t.g, "in.images", GOLDEN_CHANNELS_FIRST);
    int64_t B = x->dim[0];
    float *all = golden_download(&t.g, clip_image(p, &t.net, x));
    for (int64_t b = 0; b < B; b++) {
        p = golden_pass(&t.g, false);
        x = golden_input(&t.g, "in.images", GOLDEN_CHANNELS_FIRST);
        float *one = golden_download(&t.g, clip_image(p, &t.net, op_slice(p, x, 0, b, 1)));
        same_bytes(one, all + (size_t)b * E, E);
        mem_free(one);
    }
    mem_free(all);
    tiny_clip_close(&t);
}

/* ---- GPT ---- */

/* The company that `slot` decodes in: the next rows - 1 slots, each `ahead` positions ahead of it.
 * Conditions go in one by one, those ahead with their first tokens. */
static void admit(struct tiny_decoder *d, int slot, int rows, int ahead, float *ret_logits)
{
    int V = d->t.net.config.vocab;

    tiny_decoder_restart(d);
    for (int r = 0; r < rows; r++) {
        struct tiny_row row = { (slot + r) % TINY_SLOTS, 0 };
        float *logits = tiny_decoder_step(d, &row, 1, r ? 1 + ahead : 1);
        if (r == 0)
            memcpy(ret_logits, logits, (size_t)V * sizeof *logits);
        mem_free(logits);
    }
}

/* The logits [T - ahead, V] of `slot`; mem_free. */
static float *decode_in_company(struct tiny_decoder *d, int slot, int rows, int ahead)
{
    int V = d->t.net.config.vocab, T = d->t.net.config.tokens - ahead;
    float *all = mem_alloc((size_t)T * (size_t)V, sizeof *all);
    struct tiny_row row[TINY_SLOTS];

    assert_non_null(all);
    admit(d, slot, rows, ahead, all);
    for (int i = 1; i < T; i++) {
        for (int r = 0; r < rows; r++)
            row[r] = (struct tiny_row){ (slot + r) % TINY_SLOTS, i + (r ? ahead : 0) };
        float *logits = tiny_decoder_step(d, row, rows, 1);
        memcpy(all + (size_t)i * (size_t)V, logits, (size_t)V * sizeof *logits);
        mem_free(logits);
    }
    return all;
}

static void decoding_alone_is_decoding_in_company(void **state)
{
    (void)state;
    struct tiny_decoder d;

    tiny_decoder_open(&d);
    size_t V = (size_t)d.t.net.config.vocab, T = (size_t)d.t.net.config.tokens;
    for (int slot = 0; slot < TINY_SLOTS; slot++) {
        float *alone = decode_in_company(&d, slot, 1, 0);
        float *three = decode_in_company(&d, slot, 3, 0);
        float *behind = decode_in_company(&d, slot, 2, 5);
        same_bytes(alone, three, T * V);
        same_bytes(alone, behind, (T - 5) * V);
        mem_free(alone);
        mem_free(three);
        mem_free(behind);
    }
    tiny_decoder_close(&d);
}

/* ---- VQGAN ---- */

static float *decode_tokens(struct tiny_vqgan *t, const int32_t *ids, int64_t batch)
{
    struct pass *p = golden_pass(&t->g, false);
    int64_t grid = vqgan_grid(vqgan_config(t->net)), n = batch * grid * grid;
    struct tensor *in = pass_upload(p, DTYPE_I32, 1, &n, ids);

    return golden_download(&t->g, vqgan_decode(p, t->net, vqgan_lookup(p, t->net, in, batch)));
}

static void picture_alone_is_picture_in_company(void **state)
{
    (void)state;
    struct tiny_vqgan t;
    enum { BATCH = 5, TOKENS = 16, PIXELS = 32 * 32 * 3 };
    int32_t ids[BATCH * TOKENS];

    tiny_vqgan_open(&t, 1e-5f);
    for (int i = 0; i < BATCH * TOKENS; i++)
        ids[i] = i * 37 % vqgan_config(t.net)->codebook;
    float *all = decode_tokens(&t, ids, BATCH);
    for (int b = 0; b < BATCH; b++) {
        float *one = decode_tokens(&t, ids + b * TOKENS, 1);
        same_bytes(one, all + (size_t)b * PIXELS, PIXELS);
        mem_free(one);
    }
    mem_free(all);
    tiny_vqgan_close(&t);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(text_alone_is_text_in_company),
    cmocka_unit_test(image_alone_is_image_in_company),
    cmocka_unit_test(decoding_alone_is_decoding_in_company),
    cmocka_unit_test(picture_alone_is_picture_in_company),
};
TEST_MAIN(TESTS)
