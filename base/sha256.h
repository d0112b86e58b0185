/*
 * SHA-256 (FIPS 180-4), through nettle.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

#include "base/err.h"

#define SHA256_BYTES 32
#define SHA256_TEXT_BYTES 65 /* 64 hexadecimal digits and the end */

void sha256(const void *data, size_t n, unsigned char ret_digest[SHA256_BYTES]);

/* Of a whole file, read through a map in pieces. */
int sha256_file(const char *path, char ret_text[SHA256_TEXT_BYTES], struct err *e);

#endif
