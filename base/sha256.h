/*
 * SHA-256 (FIPS 180-4), through nettle.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/err.h"

#define SHA256_TEXT_BYTES 65 /* 64 hexadecimal digits and the end */

/* Of a whole file, read through a map in pieces. */
int sha256_file(const char *path, char ret_text[SHA256_TEXT_BYTES], struct err *e);

#endif
