#include "base/sha256.h"

#include <stdint.h>
#include <stdio.h>

#include <nettle/sha2.h>

_Static_assert(SHA256_BYTES == SHA256_DIGEST_SIZE, "one digest");

/* Digested and given back at a time: a large file passes through little memory. */
#define PIECE ((size_t)16 << 20)

void sha256(const void *data, size_t n, unsigned char ret_digest[SHA256_BYTES])
{
    struct sha256_ctx ctx;

    sha256_init(&ctx);
    sha256_update(&ctx, n, data);
    sha256_digest(&ctx, SHA256_BYTES, ret_digest);
}

void sha256_map(const struct file_map *m, char ret_text[SHA256_TEXT_BYTES])
{
    unsigned char digest[SHA256_BYTES];
    struct sha256_ctx ctx;

    sha256_init(&ctx);
    for (size_t at = 0; at < m->size; at += PIECE) {
        size_t n = m->size - at < PIECE ? m->size - at : PIECE;
        sha256_update(&ctx, n, m->data + at);
        file_map_forget(m->data + at, n);
    }
    sha256_digest(&ctx, SHA256_BYTES, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(ret_text + 2 * i, 3, "%02x", digest[i]);
}

int sha256_file(const char *path, char ret_text[SHA256_TEXT_BYTES], struct err *e)
{
    struct file_map m;

    if (file_map_open(path, SIZE_MAX, &m, e))
        return -1;
    sha256_map(&m, ret_text);
    file_map_close(&m);
    return 0;
}
