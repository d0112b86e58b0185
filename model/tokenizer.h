/*
 * CLIP's byte-pair tokenizer (openai/CLIP clip/simple_tokenizer.py, without ftfy): HTML entities
 * unescaped twice, white space squeezed, lower case, split by CLIP's pattern, byte-pair merges with
 * </w>. A vocabulary is the merges file of bpe_simple_vocab_16e6.txt (plain or .gz) form: a header
 * line, then one merge a line. ids: 256 byte characters, 256 with </w>, one a merge, then start and
 * end (49408 entries for OpenAI's). Immutable after load: any thread.
 */
#ifndef MODEL_TOKENIZER_H
#define MODEL_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TOKENIZER_TEXT_MAX 65536 /* bytes of one prompt */
#define TOKENIZER_MERGES_MAX (1 << 20)

/* Entries that are no merges: bytes, bytes that end a word, start and end. */
#define TOKENIZER_FIXED 514

struct tokenizer;

/* merges_max: most merges used (OpenAI reads 48894); more lines in the file are left out, as
 * OpenAI's code does. */
int tokenizer_open(const char *path, int merges_max, struct tokenizer **ret_tok, struct err *e);
void tokenizer_close(struct tokenizer *t);
int tokenizer_vocab(const struct tokenizer *t);
int tokenizer_start(const struct tokenizer *t);
int tokenizer_end(const struct tokenizer *t);

struct tokenizer_result {
    int length; /* tokens of the whole text, start and end included */
    int end;    /* index of the first end token in ids (as CLIP's argmax: text may hold one) */
    bool truncated;
};

/* text: UTF-8, n bytes (invalid sequences are INVALID) -> ids[context], start first, end last when
 * cut, padded with 0.
 */
int tokenizer_encode(const struct tokenizer *t, const char *text, size_t n, int context,
                     int32_t *ret_ids, struct tokenizer_result *ret_result, struct err *e);

/*
 * Learns `merges` byte-pair merges from a text (lines), by frequency, ties by the pair's text;
 * appends the merges file to out (deterministic). Fewer merges when no pair stands twice any more.
 */
int tokenizer_learn(const char *text, size_t n, int merges, struct buf *out, struct err *e);

#endif
