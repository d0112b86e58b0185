/*
 * RFC 4648 base64, standard alphabet, padded.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

#include "base/buf.h"

void base64_encode(const void *data, size_t n, struct buf *out);
/* Strict: padding required, no other characters except line breaks and spaces. Appends to out. */
int base64_decode(const char *text, size_t n, struct buf *out, struct err *e);

#endif
