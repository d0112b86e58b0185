/*
 * What CLIP's text rules need of Unicode: UTF-8 in and out, the classes that its pattern names, and
 * lower case as Python's str.lower().
 */
#ifndef MODEL_UNICODE_H
#define MODEL_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UNICODE_LETTER = 1,    /* \p{L} */
    UNICODE_NUMBER = 2,    /* \p{N} */
    UNICODE_CASED = 4,     /* has case: for final sigma */
    UNICODE_IGNORABLE = 8, /* marks that may stand inside a word: for final sigma */
};

/* The character at *s, which moves behind it; -1, and *s unmoved, where the bytes are no UTF-8. */
int32_t unicode_decode(const char **s, const char *end);
/* 1..4 bytes of a valid code point into out; returns how many. */
size_t unicode_encode(uint32_t c, char out[4]);

/* UNICODE_* flags of a code point; 0 for none. */
unsigned unicode_class(uint32_t c);
/* White_Space: \s of CLIP's pattern. */
bool unicode_space(uint32_t c);

/* Lower case of text[i] in its context (sigma at the end of a word); returns 1 or 2 code points. */
int unicode_lower(const uint32_t *text, size_t n, size_t i, uint32_t ret[2]);

#endif
