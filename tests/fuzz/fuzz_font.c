/*
 * Any bytes as an emoji font; the pictures it gives lie inside the file.
 */
#include "tests/fuzz/replay.h"

#include "trainer/emoji_font.h"

static void ask(const struct emoji_font *f, const uint32_t *code_points, int n, const uint8_t *data,
                size_t size)
{
    const uint8_t *png;
    uint16_t glyph;
    size_t n_png;

    if (emoji_font_glyph(f, code_points, n, &glyph, NULL) ||
        emoji_font_png(f, glyph, &png, &n_png, NULL))
        return;
    FUZZ_CHECK(png >= data && png <= data + size && n_png <= (size_t)(data + size - png));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t ONE[] = { 0x41 }, TWO[] = { 0x1f600, 0x1f601 };
    static const uint32_t MANY[] = { 0x1f601, 0xfe0f, 0x1f600, 0x1f600 };
    struct emoji_font f;

    if (emoji_font_parse(data, size, &f, NULL))
        return 0;
    ask(&f, ONE, 1, data, size);
    ask(&f, TWO, 2, data, size);
    ask(&f, MANY, 4, data, size);
    return 0;
}
