/*
 * The text rules of CLIP's tokenizer, before any merge: cleaning, and the split into words by
 *
 *     <|startoftext|> | <|endoftext|> | 's 't 're 've 'm 'll 'd | letters | one number | the rest
 */
#ifndef MODEL_WORDS_H
#define MODEL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* UTF-8 text, with entities unescaped twice, white space squeezed and trimmed, in lower case,
 * appended to out. INVALID where the bytes are no UTF-8. */
int words_clean(const char *text, size_t n, struct buf *out, struct err *e);

enum word_kind { WORD_PLAIN, WORD_START, WORD_END };

struct word {
    enum word_kind kind;
    const char *text; /* inside the cleaned text */
    size_t n;
};

/* Takes the next word off cleaned text *s..end; false when there is none left. */
bool words_next(const char **s, const char *end, struct word *ret_word);

#endif
