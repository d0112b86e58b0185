#include "tests/trainer/toys.h"

#include <string.h>

/* 16-bit words, most significant byte first: all of OpenType is made of them. */
static void put_words(struct buf *b, const unsigned *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t bytes[2] = { (uint8_t)(words[i] >> 8), (uint8_t)words[i] };
        buf_append(b, bytes, 2);
    }
}

static void put_u32(struct buf *b, size_t v)
{
    put_words(b, (const unsigned[]){ (unsigned)(v >> 16), (unsigned)(v & 0xffff) }, 2);
}

#define PUT_WORDS(b, words) put_words(b, words, sizeof words / sizeof *words)

static void put_cmap(struct buf *b)
{
    static const unsigned WORDS[] = {
        0,  1,      3, 10,     0, 12,       /* version; one record: platform, encoding, at 12 */
        12, 0,      0, 40,     0, 0,  0, 2, /* format, length, language; two groups */
        0,  0x41,   0, 0x41,   0, 1,        /* U+0041: glyph 1 */
        1,  0xf600, 1, 0xf602, 0, 2,        /* U+1F600..1F602: glyphs 2..4 */
    };

    PUT_WORDS(b, WORDS);
}

static void put_gsub(struct buf *b)
{
    static const unsigned WORDS[] = {
        1, 0, 0, 0,  10,    /* version, no scripts or features; the lookup list is at 10 */
        1, 4,               /* one lookup, at 10 + 4 */
        4, 0, 2, 10, 34,    /* ligatures in two subtables, at 14 + 10 and 14 + 34 */
        1, 8, 1, 14,        /* coverage at + 8, one set at + 14 */
        1, 1, 2,            /* coverage format 1: glyph 2 */
        1, 4, 4, 2,  3,     /* one ligature, at + 4: glyph 4 is 2 components, the second is 3 */
        1, 8, 1, 18,        /* the second subtable */
        2, 1, 3, 3,  0,     /* coverage format 2: glyphs 3..3 */
        1, 4, 1, 3,  2,  2, /* glyph 1 is 3 components, the others 2 and 2 */
    };

    PUT_WORDS(b, WORDS);
}

enum { PICTURES = 4, PICTURE_BYTES = 5 + 4 + 9 };

static void put_cblc(struct buf *b)
{
    static const unsigned HEAD[] = {
        3, 0, 0, 1, 0, 56, 0, 36, 0, 1
    }; /* one strike, its array at 56 */
    static const unsigned ARRAY[] = { 1, PICTURES, 0, 8, 1, 17, 0, 4 }; /* index 1, image 17 */

    PUT_WORDS(b, HEAD);
    for (int i = 0; i < 9; i++) /* the strike's metrics, which nobody reads */
        put_u32(b, 0);
    PUT_WORDS(b, ARRAY);
    for (size_t g = 0; g <= PICTURES; g++)
        put_u32(b, g * PICTURE_BYTES);
}

static void put_cbdt(struct buf *b)
{
    put_u32(b, 0x30000);
    for (int g = 1; g <= PICTURES; g++) {
        buf_append(b, "mmmmm", 5); /* metrics */
        put_u32(b, 9);
        buf_printf(b, "picture %d", g);
    }
}

void toy_font(struct buf *ret_font)
{
    static const struct {
        const char *tag;
        void (*put)(struct buf *b);
    } TABLES[] = {
        { "CBDT", put_cbdt }, { "CBLC", put_cblc }, { "GSUB", put_gsub }, { "cmap", put_cmap }
    };
    enum { N = sizeof TABLES / sizeof *TABLES, HEADER = 12, RECORD = 16 };
    struct buf tables;

    buf_init(&tables, 1 << 16);
    PUT_WORDS(ret_font, ((const unsigned[]){ 1, 0, N, 0, 0, 0 }));
    for (int i = 0; i < N; i++) {
        size_t start = tables.len;
        TABLES[i].put(&tables);
        buf_append(ret_font, TABLES[i].tag, 4);
        put_u32(ret_font, 0);
        put_u32(ret_font, HEADER + N * RECORD + start);
        put_u32(ret_font, tables.len - start);
    }
    buf_append(ret_font, tables.data, tables.len);
    buf_release(&tables);
}
