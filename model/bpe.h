/*
 * Byte-pair merges. Token ids are the vocabulary's: 256 bytes in the order below, the same 256 at
 * the end of a word, then one a merge, in the order of the merges; earlier merges go first.
 *
 * Vocabulary files write a byte as a character that can be seen (GPT-2's table): printable Latin-1
 * as itself, the others as U+0100 and up; the ids follow in the same order. "</w>" ends a word.
 */
#ifndef MODEL_BPE_H
#define MODEL_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/pair_map.h"

#define BPE_WORD_END "</w>"

enum { BPE_BYTES = 256, BPE_FIRST_MERGE = 2 * BPE_BYTES };

/* id of a byte inside a word (+ BPE_BYTES: at its end). */
int32_t bpe_byte_id(unsigned char byte);
/* Appends a byte as vocabulary files write it. */
void bpe_byte_text(unsigned char byte, struct buf *out);

struct bpe {
    struct pair_map rank; /* pair -> number of its merge */
    struct bpe_pair {
        int32_t left, right;
    } * merge; /* [n] by number */
    int n, cap;
};

int bpe_init(struct bpe *b, int merges_max, struct err *e);
void bpe_release(struct bpe *b);
/* The next merge; a pair that is there already is INVALID. At most merges_max calls. */
int bpe_add(struct bpe *b, int32_t left, int32_t right, struct err *e);

/* Working memory for words of up to n bytes. */
struct bpe_scratch {
    int32_t *id, *next, *prev; /* a list of tokens through the bytes of the word */
    uint64_t *heap;            /* merges that may be done: rank << 32 | place */
    size_t n_heap;
};
int bpe_scratch_init(struct bpe_scratch *s, size_t n, struct err *e);
void bpe_scratch_release(struct bpe_scratch *s);

/* The tokens of one word (n >= 1 bytes) are s->id[0], s->id[s->next[0]], ... until next is n. */
void bpe_word(const struct bpe *b, const char *word, size_t n, struct bpe_scratch *s);

#endif
