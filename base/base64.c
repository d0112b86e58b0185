#include "base/base64.h"

#include <stdbool.h>
#include <stdint.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { GAP = -1, PAD = -2, BAD = -3 };

void base64_encode(const void *data, size_t n, struct buf *out)
{
    const uint8_t *in = data;
    char *to = buf_grow(out, n / 3 * 4 + (n % 3 ? 4 : 0));

    if (!to)
        return;
    for (; n >= 3; n -= 3, in += 3, to += 4) {
        to[0] = ALPHABET[in[0] >> 2];
        to[1] = ALPHABET[(in[0] & 3) << 4 | in[1] >> 4];
        to[2] = ALPHABET[(in[1] & 15) << 2 | in[2] >> 6];
        to[3] = ALPHABET[in[2] & 63];
    }
    if (n == 0)
        return;
    to[0] = ALPHABET[in[0] >> 2];
    to[1] = ALPHABET[(in[0] & 3) << 4 | (n == 2 ? in[1] >> 4 : 0)];
    to[2] = n == 2 ? ALPHABET[(in[1] & 15) << 2] : '=';
    to[3] = '=';
}

/* What each byte means: 0..63, or GAP, PAD, BAD. */
static void make_values(int8_t values[256])
{
    for (int i = 0; i < 256; i++)
        values[i] = BAD;
    for (int i = 0; i < 64; i++)
        values[(uint8_t)ALPHABET[i]] = (int8_t)i;
    values[' '] = values['\t'] = values['\r'] = values['\n'] = GAP;
    values['='] = PAD;
}

/* The present group of four characters. */
struct group {
    uint32_t bits;
    int n_chars, n_pads;
};

/* '=' may stand only third and fourth, and nothing but '=' behind it. */
static bool fits(const struct group *g, int value)
{
    return value == PAD ? g->n_chars >= 2 : g->n_pads == 0;
}

/* Bits under the padding belong to no byte and must be zero: one text for one value. */
static bool has_spare_bits(const struct group *g)
{
    static const uint32_t SPARE[] = { 0, 0xff, 0xffff };

    return g->bits & SPARE[g->n_pads];
}

static uint8_t *put_bytes(const struct group *g, uint8_t *to)
{
    for (int i = 0; i < 3 - g->n_pads; i++)
        *to++ = (uint8_t)(g->bits >> (16 - 8 * i));
    return to;
}

/* Reads into to, which has room for 3 bytes of every 4 in text. */
static int decode(const uint8_t *text, size_t n, uint8_t *to, size_t *ret_n, struct err *e)
{
    struct group g = { 0, 0, 0 };
    uint8_t *start = to;
    int8_t values[256];
    bool padded = false;

    make_values(values);
    for (size_t i = 0; i < n; i++) {
        int v = values[text[i]];
        if (v == GAP)
            continue;
        if (v == BAD)
            return err_set(e, ERR_FORMAT, "base64: byte 0x%02x at %zu is not base64", text[i], i);
        if (padded || !fits(&g, v))
            return err_set(e, ERR_FORMAT, "base64: misplaced '=' at or before %zu", i);
        g.bits = g.bits << 6 | (v == PAD ? 0u : (uint32_t)v);
        g.n_pads += v == PAD;
        if (++g.n_chars < 4)
            continue;
        if (has_spare_bits(&g))
            return err_set(e, ERR_FORMAT, "base64: bits left over before the '=' at %zu", i);
        to = put_bytes(&g, to);
        padded = g.n_pads > 0;
        g = (struct group){ 0, 0, 0 };
    }
    if (g.n_chars)
        return err_set(e, ERR_FORMAT, "base64: ends inside a group of four, after %d", g.n_chars);
    *ret_n = (size_t)(to - start);
    return 0;
}

/* Most bytes that text can stand for. */
static size_t decoded_max(const char *text, size_t n)
{
    size_t n_gaps = 0;

    for (size_t i = 0; i < n; i++)
        n_gaps += text[i] <= ' ' || text[i] == '=';
    return (n - n_gaps) / 4 * 3 + (n - n_gaps) % 4 * 3 / 4;
}

int base64_decode(const char *text, size_t n, struct buf *out, struct err *e)
{
    size_t old_len = out->len, n_bytes = 0;
    uint8_t *to = buf_grow(out, decoded_max(text, n));
    int status;

    if (!to)
        return buf_check(out, e);
    status = decode((const uint8_t *)text, n, to, &n_bytes, e);
    out->len = old_len + n_bytes; /* on failure: as it was */
    out->data[out->len] = '\0';
    return status;
}
