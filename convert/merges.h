/*
 * The tokenizer's merges from the files that they are published in, written as a bundle's
 * vocabulary: a header line, then one merge a line, exactly as many as the ids need.
 */
#ifndef CONVERT_MERGES_H
#define CONVERT_MERGES_H

#include "base/buf.h"
#include "base/err.h"

#define MERGES_FILE_MAX ((size_t)16 << 20) /* bytes, decompressed */

/* path: bpe_simple_vocab_16e6.txt(.gz) of openai/CLIP, merges.txt or tokenizer.json of Hugging
 * Face, or a bundle's vocabulary. vocab: entries of CLIP's token table. Appends to out. */
int merges_read(const char *path, int vocab, struct buf *out, struct err *e);
/* The first of the usual names in the directory of CLIP's weights (path: they, or the directory);
 * NULL if none is there. mem_free. */
char *merges_beside(const char *path);

#endif
