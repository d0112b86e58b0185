#include "model/html.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/unicode.h"

struct entity {
    const char *name, *text;
};

#include "model/html_entities.h"

enum { NAME_MAX_BYTES = 32, REPLACEMENT = 0xfffd, TOO_BIG = 0x110000 };

/* 0x80..0x9f mean what Windows-1252 has there. */
static const uint16_t WINDOWS_1252[32] = {
    0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
    0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178,
};

/* ---- &#65; &#x41; ---- */

static int digit(char c, int base)
{
    int v = c >= '0' && c <= '9'   ? c - '0'
            : c >= 'a' && c <= 'f' ? c - 'a' + 10
            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                   : base;
    return v < base ? v : -1;
}

/* Controls and code points that are no characters: such references vanish. */
static bool vanishes(uint32_t c)
{
    return (c >= 0x1 && c <= 0x8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f ||
           (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

static void put_code(uint32_t c, struct buf *out)
{
    char utf8[4];

    if (c >= 0x80 && c <= 0x9f)
        c = WINDOWS_1252[c - 0x80];
    else if (c == 0 || (c >= 0xd800 && c <= 0xdfff) || c >= TOO_BIG)
        c = REPLACEMENT;
    else if (vanishes(c))
        return;
    buf_append(out, utf8, unicode_encode(c, utf8));
}

/* s points at "#". Returns the bytes taken, 0 if there is no number. */
static size_t numeric(const char *s, const char *end, struct buf *out)
{
    int base = end - s > 1 && (s[1] == 'x' || s[1] == 'X') ? 16 : 10;
    const char *digits = s + (base == 16 ? 2 : 1), *p = digits;
    uint32_t c = 0;

    for (; p < end && digit(*p, base) >= 0; p++)
        c = c < TOO_BIG ? c * (uint32_t)base + (uint32_t)digit(*p, base) : TOO_BIG;
    if (p == digits)
        return 0;
    put_code(c, out);
    return (size_t)(p - s) + (p < end && *p == ';');
}

/* ---- &amp; ---- */

struct name {
    const char *s;
    size_t n;
};

static int compare_name(const void *key, const void *row)
{
    const struct name *k = key;
    const char *name = ((const struct entity *)row)->name;
    int order = strncmp(k->s, name, k->n);

    return order ? order : name[k->n] ? -1 : 0;
}

/* How many bytes from s on may belong to a name. */
static size_t name_span(const char *s, const char *end)
{
    size_t n = 0, most = (size_t)(end - s) < NAME_MAX_BYTES ? (size_t)(end - s) : NAME_MAX_BYTES;

    while (n < most && ((s[n] >= '0' && s[n] <= '9') || ((s[n] | 32) >= 'a' && (s[n] | 32) <= 'z')))
        n++;
    return n < most && s[n] == ';' ? n + 1 : n;
}

/* s points behind "&". The longest name counts. Returns the bytes taken, 0 if no name fits. */
static size_t named(const char *s, const char *end, struct buf *out)
{
    for (struct name k = { s, name_span(s, end) }; k.n >= 2; k.n--) {
        const struct entity *hit = bsearch(&k, ENTITIES, sizeof ENTITIES / sizeof *ENTITIES,
                                           sizeof *ENTITIES, compare_name);
        if (hit) {
            buf_puts(out, hit->text);
            return k.n;
        }
    }
    return 0;
}

static size_t reference(const char *s, const char *end, struct buf *out)
{
    return s < end && *s == '#' ? numeric(s, end, out) : named(s, end, out);
}

void html_unescape(const char *text, size_t n, struct buf *out)
{
    const char *end = text + n, *amp;

    while (text < end && (amp = memchr(text, '&', (size_t)(end - text)))) {
        size_t taken;
        buf_append(out, text, (size_t)(amp - text));
        taken = reference(amp + 1, end, out);
        if (!taken)
            buf_puts(out, "&");
        text = amp + 1 + taken;
    }
    buf_append(out, text, (size_t)(end - text));
}
