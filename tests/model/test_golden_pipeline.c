/* Text to picture against the reference: CLIP text tower, transformer with cached greedy decoding,
 * codebook, decoder, 8-bit pixels and the PNG files. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/png.h"
#include "tests/model/tiny.h"
#include "tests/test.h"

#define PICTURES 2
#define SIDE 32
#define PIXELS (SIDE * SIDE * 3)
#define TOKENS 16

/* -> unit text embeddings [PICTURES, E]; mem_free */
static float *embed(struct golden *want)
{
    struct tiny_clip t;
    int32_t *ids = golden_ints(want, "in.token_ids", NULL);

    tiny_clip_open(&t);
    struct pass *p = golden_pass(&t.g, false);
    float *embeds =
        golden_download(&t.g, op_l2norm(p, tiny_clip_text(&t, ids, PICTURES), CLIP_NORM_EPS));
    tiny_clip_close(&t);
    mem_free(ids);
    return embeds;
}

static void draw(const float *embeds, int32_t *ret_tokens)
{
    struct tiny_gpt t;

    tiny_gpt_open(&t);
    assert_int_equal(t.net.config.tokens, TOKENS);
    tiny_gpt_greedy(&t, embeds, PICTURES, ret_tokens);
    tiny_gpt_close(&t);
}

static void paint(struct golden *want, const int32_t *tokens, uint8_t *ret_pixels)
{
    struct tiny_vqgan t;
    struct err e = { 0 };

    tiny_vqgan_open(&t, 1e-5f);
    struct weights *own = t.g.file;
    t.g.file = want->file;
    struct pass *p = golden_pass(&t.g, false);
    struct tensor *ids = pass_upload(p, DTYPE_I32, 1, (int64_t[]){ PICTURES * TOKENS }, tokens);
    struct tensor *z_q = vqgan_lookup(p, t.net, ids, PICTURES);
    struct tensor *image = vqgan_decode(p, t.net, z_q), *u8 = op_pixels_out(p, image);
    golden_check(&t.g, "out.z_q", z_q, GOLDEN_CHANNELS_FIRST, 1e-6);
    golden_check(&t.g, "out.image", image, GOLDEN_CHANNELS_FIRST, GOLDEN_FORWARD);
    assert_int_equal(tensor_bytes(u8), PICTURES * PIXELS);
    golden_ok(device_download(t.g.dev, u8, 0, ret_pixels, PICTURES * PIXELS, &e), &e);
    t.g.file = own;
    tiny_vqgan_close(&t);
}

static void within_one_level(const uint8_t *got, const uint8_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (abs(got[i] - want[i]) > 1)
            fail_msg("pixel value %zu: %d instead of %d", i, got[i], want[i]);
}

static void compare_png(const uint8_t *pixels, int i)
{
    struct err e = { 0 };
    struct image img;
    struct buf file;
    char path[512];

    snprintf(path, sizeof path, "%s/tests/data/golden/pipeline_tiny_%d.png", test_srcdir(), i);
    buf_init(&file, 1 << 20);
    golden_ok(file_read(path, 1 << 20, &file, &e), &e);
    golden_ok(png_decode(file.data, file.len, 1 << 20, &img, &e), &e);
    assert_int_equal(img.w * img.h * img.channels, PIXELS);
    within_one_level(pixels, img.px, PIXELS);
    image_release(&img);
    buf_release(&file);
}

static void text_becomes_the_picture(void **state)
{
    (void)state;
    uint8_t pixels[PICTURES * PIXELS];
    int32_t tokens[PICTURES * TOKENS];
    struct golden want;
    int64_t n;

    golden_open(&want, "pipeline_tiny.safetensors");
    float *embeds = embed(&want);
    struct pass *p = golden_pass(&want, false);
    int64_t dim[] = { PICTURES, 32 };
    golden_check(&want, "out.text_embeds", pass_upload(p, DTYPE_F32, 2, dim, embeds),
                 GOLDEN_AS_STORED, GOLDEN_LOGITS);
    draw(embeds, tokens);
    int32_t *want_tokens = golden_ints(&want, "out.tokens", &n);
    assert_int_equal(n, PICTURES * TOKENS);
    assert_memory_equal(tokens, want_tokens, sizeof tokens);
    paint(&want, tokens, pixels);
    const struct weights_entry *u8 = weights_find(want.file, "out.image_u8");
    assert_non_null(u8);
    assert_int_equal(u8->bytes, sizeof pixels);
    within_one_level(pixels, u8->data, sizeof pixels);
    for (int i = 0; i < PICTURES; i++)
        compare_png(pixels + i * PIXELS, i);
    mem_free(embeds);
    mem_free(want_tokens);
    golden_close(&want);
}

static const struct CMUnitTest TESTS[] = {
    cmocka_unit_test(text_becomes_the_picture),
};
TEST_MAIN(TESTS)
