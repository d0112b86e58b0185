#include "model/unicode.h"

#include <stdlib.h>

struct class_row {
    uint32_t first, last;
    unsigned flags;
};
struct lower_row {
    uint32_t first, last;
    uint32_t step;
    int32_t delta;
};

#include "model/unicode_tables.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum {
    CAPITAL_I_DOT = 0x130,
    DOT_ABOVE = 0x307,
    CAPITAL_SIGMA = 0x3a3,
    SMALL_SIGMA = 0x3c3,
    FINAL_SIGMA = 0x3c2,
    LAST_CODE_POINT = 0x10ffff,
};

/* ---- UTF-8 ---- */

/* Bytes of a character by its first byte, and the payload bits of that byte; 0: no first byte. */
static int sequence(unsigned char lead, int32_t *ret_bits)
{
    int n = lead < 0x80   ? 1
            : lead < 0xc0 ? 0
            : lead < 0xe0 ? 2
            : lead < 0xf0 ? 3
            : lead < 0xf8 ? 4
                          : 0;
    static const unsigned char PAYLOAD[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };

    *ret_bits = lead & PAYLOAD[n];
    return n;
}

int32_t unicode_decode(const char **s, const char *end)
{
    static const int32_t LEAST[] = { 0, 0, 0x80, 0x800, 0x10000 }; /* below: too long a form */
    const unsigned char *p = (const unsigned char *)*s;
    int32_t c;
    int n = *s < end ? sequence(*p, &c) : 0;

    if (!n || end - *s < n)
        return -1;
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return -1;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < LEAST[n] || c > LAST_CODE_POINT || (c >= 0xd800 && c <= 0xdfff))
        return -1;
    *s += n;
    return c;
}

size_t unicode_encode(uint32_t c, char out[4])
{
    static const unsigned char LEAD[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(LEAD[n] | c);
    return n;
}

/* ---- classes ---- */

/* Works for both tables: rows begin with first and last. */
static int compare_row(const void *key, const void *row)
{
    const uint32_t c = *(const uint32_t *)key, *span = row;

    return c < span[0] ? -1 : c > span[1];
}

unsigned unicode_class(uint32_t c)
{
    const struct class_row *row =
        bsearch(&c, CLASSES, LENGTH(CLASSES), sizeof *CLASSES, compare_row);

    return row ? row->flags : 0;
}

bool unicode_space(uint32_t c)
{
    return (c >= 0x9 && c <= 0xd) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

/* ---- lower case ---- */

static uint32_t simple_lower(uint32_t c)
{
    const struct lower_row *row = bsearch(&c, LOWER, LENGTH(LOWER), sizeof *LOWER, compare_row);

    return row && (c - row->first) % row->step == 0 ? c + (uint32_t)row->delta : c;
}

/* A letter before it in the word, none after it; marks do not count. */
static bool ends_word(const uint32_t *text, size_t n, size_t i)
{
    size_t before = i, after = i + 1;

    while (before > 0 && unicode_class(text[before - 1]) & UNICODE_IGNORABLE)
        before--;
    while (after < n && unicode_class(text[after]) & UNICODE_IGNORABLE)
        after++;
    return before > 0 && unicode_class(text[before - 1]) & UNICODE_CASED &&
           !(after < n && unicode_class(text[after]) & UNICODE_CASED);
}

int unicode_lower(const uint32_t *text, size_t n, size_t i, uint32_t ret[2])
{
    if (text[i] == CAPITAL_I_DOT) {
        ret[0] = 'i';
        ret[1] = DOT_ABOVE;
        return 2;
    }
    if (text[i] == CAPITAL_SIGMA)
        ret[0] = ends_word(text, n, i) ? FINAL_SIGMA : SMALL_SIGMA;
    else
        ret[0] = simple_lower(text[i]);
    return 1;
}
