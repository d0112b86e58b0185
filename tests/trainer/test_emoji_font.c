/*
 * The font reader: what it finds, and that no broken file makes it read outside or run long.
 */
#include "tests/test.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/png.h"
#include "tests/trainer/toys.h"
#include "trainer/data.h"
#include "trainer/emoji_font.h"

struct sequence {
    uint32_t code_points[EMOJI_FONT_SEQUENCE_MAX];
    int n, glyph; /* glyph 0: none */
};

static const struct sequence SEQUENCES[] = {
    { { 0x41 }, 1, 1 },
    { { 0x1f600 }, 1, 2 },
    { { 0x1f602 }, 1, 4 },
    { { 0x1f602, 0xfe0f }, 2, 4 },
    { { 0x1f600, 0x1f601 }, 2, 4 },
    { { 0x1f600, 0xfe0f, 0x1f601 }, 3, 4 },
    { { 0x1f601, 0x1f600, 0x1f600 }, 3, 1 },
    { { 0x40 }, 1, 0 },
    { { 0x42 }, 1, 0 },
    { { 0x1f603 }, 1, 0 },
    { { 0xfe0f }, 1, 0 },
    { { 0x1f600, 0x1f602 }, 2, 0 },
    { { 0x1f601, 0x1f600 }, 2, 0 },
    { { 0x1f601, 0x1f600, 0x1f601 }, 3, 0 },
    { { 0x1f602, 0x1f601 }, 2, 0 },
    { { 0x1f600, 0x40 }, 2, 0 },
};
enum { N_SEQUENCES = sizeof SEQUENCES / sizeof *SEQUENCES };

/* The toy font, for one test. */
static struct buf make(void)
{
    struct buf b;

    buf_init(&b, 1 << 16);
    toy_font(&b);
    assert_int_equal(buf_check(&b, NULL), 0);
    return b;
}

static const uint8_t *bytes_of(const struct buf *b)
{
    return (const uint8_t *)b->data;
}

static void test_sequences(void **state)
{
    struct buf b = make();
    struct emoji_font f;
    struct err e;

    (void)state;
    assert_int_equal(emoji_font_parse(bytes_of(&b), b.len, &f, &e), 0);
    for (int i = 0; i < N_SEQUENCES; i++) {
        const struct sequence *s = &SEQUENCES[i];
        uint16_t glyph = 0;
        int rc = emoji_font_glyph(&f, s->code_points, s->n, &glyph, &e);
        assert_int_equal(rc, s->glyph ? 0 : -1);
        assert_int_equal(glyph, s->glyph);
        if (rc)
            assert_int_equal(e.code, ERR_NOT_FOUND);
    }
    buf_release(&b);
}

static void test_pictures(void **state)
{
    struct buf b = make();
    struct emoji_font f;
    const uint8_t *png;
    struct err e;
    size_t n;

    (void)state;
    assert_int_equal(emoji_font_parse(bytes_of(&b), b.len, &f, &e), 0);
    for (int g = 1; g <= 4; g++) {
        char text[32];
        snprintf(text, sizeof text, "picture %d", g);
        assert_int_equal(emoji_font_png(&f, (uint16_t)g, &png, &n, &e), 0);
        assert_int_equal(n, strlen(text));
        assert_memory_equal(png, text, n);
    }
    assert_int_equal(emoji_font_png(&f, 5, &png, &n, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_string_equal(e.msg, "font: no bitmap for glyph 5");
    buf_release(&b);
}

static void test_sequence_lengths(void **state)
{
    static const uint32_t LONG[EMOJI_FONT_SEQUENCE_MAX + 1] = { 0x41 };
    struct buf b = make();
    struct emoji_font f;
    uint16_t glyph;
    struct err e;

    (void)state;
    assert_int_equal(emoji_font_parse(bytes_of(&b), b.len, &f, &e), 0);
    assert_int_equal(emoji_font_glyph(&f, LONG, 0, &glyph, &e), -1);
    assert_int_equal(e.code, ERR_INVALID);
    assert_int_equal(emoji_font_glyph(&f, LONG, EMOJI_FONT_SEQUENCE_MAX + 1, &glyph, &e), -1);
    assert_string_equal(e.msg, "font: a sequence of 17 code points is outside 1..16");
    buf_release(&b);
}

/* The records of the directory start at byte 12, 16 bytes each: CBDT, CBLC, GSUB, cmap. */
static void test_missing_tables(void **state)
{
    static const char *const WORDS[] = {
        "a font with PNG bitmaps is wanted, such as that of Debian 12's package "
        "fonts-noto-color-emoji: font: no CBDT table",
        "a font with PNG bitmaps is wanted, such as that of Debian 12's package "
        "fonts-noto-color-emoji: font: no CBLC table",
        "font: no GSUB table",
        "font: no cmap table",
    };

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct buf b = make();
        struct emoji_font f;
        struct err e;
        b.data[12 + 16 * i] = 'X';
        assert_int_equal(emoji_font_parse(bytes_of(&b), b.len, &f, &e), -1);
        assert_int_equal(e.code, ERR_UNSUPPORTED);
        assert_string_equal(e.msg, WORDS[i]);
        buf_release(&b);
    }
}

/* Asks a font everything; what it answers must lie inside. Returns how many pictures it gave. */
static int ask(const uint8_t *data, size_t n)
{
    struct emoji_font f;
    int found = 0;

    if (emoji_font_parse(data, n, &f, NULL))
        return -1;
    for (int i = 0; i < N_SEQUENCES; i++) {
        const struct sequence *s = &SEQUENCES[i];
        uint16_t glyph;
        const uint8_t *png;
        size_t n_png;
        if (emoji_font_glyph(&f, s->code_points, s->n, &glyph, NULL) ||
            emoji_font_png(&f, glyph, &png, &n_png, NULL))
            continue;
        assert_true(png >= data && png <= data + n && n_png <= (size_t)(data + n - png));
        found++;
    }
    return found;
}

/* A copy with nothing behind it, so that the sanitizer sees one byte too many. */
static int ask_copy(const uint8_t *data, size_t n)
{
    uint8_t *copy = test_malloc(n ? n : 1);
    int found;

    memcpy(copy, data, n);
    found = ask(copy, n);
    test_free(copy);
    return found;
}

static void test_every_cut(void **state)
{
    struct buf b = make();

    (void)state;
    assert_int_equal(ask(bytes_of(&b), b.len), 7);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(ask_copy(bytes_of(&b), n), -1); /* cmap is last and reaches the end */
    buf_release(&b);
}

static void test_every_byte_changed(void **state)
{
    static const uint8_t VALUES[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    struct buf b = make();
    int refused = 0;

    (void)state;
    for (size_t i = 0; i < b.len; i++)
        for (size_t v = 0; v < sizeof VALUES; v++) {
            char before = b.data[i];
            b.data[i] = (char)VALUES[v];
            refused += ask_copy(bytes_of(&b), b.len) < 7;
            b.data[i] = before;
        }
    assert_true(refused > 400); /* most bytes matter */
    buf_release(&b);
}

/* Counts of 65535 everywhere nest to 2^48 steps; the limit must come first. */
static void test_hostile_counts_end(void **state)
{
    enum { GSUB = 65536 };
    struct buf b = make();
    uint8_t *gsub;
    struct emoji_font f;
    uint16_t glyph;
    int64_t start = clock_ms();
    struct err e;

    (void)state;
    gsub = test_calloc(GSUB, 1);
    for (size_t i = 0; i < GSUB; i += 2) /* every word is 4: type, count and offset that point on */
        gsub[i + 1] = 4;
    gsub[4] = gsub[5] = 0xff; /* .. but many lookups */
    assert_int_equal(emoji_font_parse(bytes_of(&b), b.len, &f, &e), 0);
    f.gsub = (struct emoji_font_table){ gsub, GSUB };
    assert_int_equal(emoji_font_glyph(&f, SEQUENCES[11].code_points, 2, &glyph, &e), -1);
    memset(gsub, 0xff, GSUB);
    assert_int_equal(emoji_font_glyph(&f, SEQUENCES[11].code_points, 2, &glyph, &e), -1);
    assert_true(clock_ms() - start < 2000);
    test_free(gsub);
    buf_release(&b);
}

static void test_real_font(void **state)
{
    static const uint32_t STRAWBERRY[] = { 0x1f353 };
    static const uint32_t HEART_ON_FIRE[] = { 0x2764, 0xfe0f, 0x200d, 0x1f525 };
    struct emoji_font f;
    struct image img;
    const uint8_t *png;
    uint16_t glyph, other;
    struct err e;
    size_t n;

    (void)state;
    if (access(DATA_EMOJI_FONT, R_OK)) {
        printf("skipped: no %s\n", DATA_EMOJI_FONT);
        skip();
    }
    assert_int_equal(emoji_font_open(DATA_EMOJI_FONT, &f, &e), 0);
    assert_int_equal(emoji_font_glyph(&f, STRAWBERRY, 1, &glyph, &e), 0);
    assert_int_equal(emoji_font_glyph(&f, HEART_ON_FIRE, 4, &other, &e), 0);
    assert_int_not_equal(glyph, other);
    assert_int_equal(emoji_font_png(&f, other, &png, &n, &e), 0);
    assert_int_equal(png_decode(png, n, 1 << 20, &img, &e), 0);
    assert_int_equal(img.w, 136);
    assert_int_equal(img.h, 128);
    assert_int_equal(img.channels, 4);
    image_release(&img);
    emoji_font_close(&f);
}

static void test_not_a_font(void **state)
{
    struct emoji_font f;
    struct err e;

    (void)state;
    assert_int_equal(emoji_font_parse((const uint8_t *)"OTTO and so on", 14, &f, &e), -1);
    assert_int_equal(e.code, ERR_FORMAT);
    assert_string_equal(e.msg, "font: not a TrueType file");
    assert_int_equal(emoji_font_parse(NULL, 0, &f, &e), -1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_sequences),          cmocka_unit_test(test_pictures),
    cmocka_unit_test(test_sequence_lengths),   cmocka_unit_test(test_missing_tables),
    cmocka_unit_test(test_every_cut),          cmocka_unit_test(test_every_byte_changed),
    cmocka_unit_test(test_hostile_counts_end), cmocka_unit_test(test_real_font),
    cmocka_unit_test(test_not_a_font),
};

TEST_MAIN(tests)
