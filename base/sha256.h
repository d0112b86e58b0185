/*
 * SHA-256 (FIPS 180-4), through nettle.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

#include "base/err.h"
#include "base/file.h"

#define SHA256_BYTES 32
#define SHA256_TEXT_BYTES 65 /* 64 hexadecimal digits and the end */

void sha256(const void *data, size_t n, unsigned char ret_digest[SHA256_BYTES]);

/* Of a whole file, in pieces that are given back: little of it is in memory at a time. */
void sha256_map(const struct file_map *m, char ret_text[SHA256_TEXT_BYTES]);
int sha256_file(const char *path, char ret_text[SHA256_TEXT_BYTES], struct err *e);

#endif
