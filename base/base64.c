#include "base/base64.h"

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

/* Reads into to, which has room for 3 bytes of every 4 in text. */
static int decode(const uint8_t *text, size_t n, uint8_t *to, size_t *ret_n, struct err *e)
{
    int8_t values[256];
    uint32_t bits = 0;
    int n_chars = 0, n_pads = 0; /* of the present group of four */
    uint8_t *start = to;

    make_values(values);
    for (size_t i = 0; i < n; i++) {
        int v = values[text[i]];
        if (v == GAP)
            continue;
        if (v == BAD)
            return err_set(e, ERR_FORMAT, "base64: byte 0x%02x at %zu is not base64", text[i], i);
        if (v == PAD ? n_chars < 2 : n_pads > 0)
            return err_set(e, ERR_FORMAT, "base64: misplaced '=' at or before %zu", i);
        n_pads += v == PAD;
        bits = bits << 6 | (v == PAD ? 0u : (uint32_t)v);
        if (++n_chars < 4)
            continue;
        if (n_pads && bits & (n_pads == 1 ? 0xffu : 0xffffu))
            return err_set(e, ERR_FORMAT, "base64: bits left over before the '=' at %zu", i);
        *to++ = (uint8_t)(bits >> 16);
        if (n_pads < 2)
            *to++ = (uint8_t)(bits >> 8);
        if (n_pads < 1)
            *to++ = (uint8_t)bits;
        bits = 0;
        n_chars = 0;
    }
    if (n_chars)
        return err_set(e, ERR_FORMAT, "base64: ends inside a group of four, after %d", n_chars);
    *ret_n = (size_t)(to - start);
    return 0;
}

int base64_decode(const char *text, size_t n, struct buf *out, struct err *e)
{
    size_t old_len = out->len, n_bytes = 0;
    uint8_t *to = buf_grow(out, n / 4 * 3 + 3);
    int status;

    if (!to)
        return buf_check(out, e);
    status = decode((const uint8_t *)text, n, to, &n_bytes, e);
    out->len = old_len + n_bytes; /* on failure: as it was */
    out->data[out->len] = '\0';
    return status;
}
