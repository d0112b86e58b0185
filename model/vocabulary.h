/*
 * Reading a merges file: a header line, then one merge a line, "left right".
 */
#ifndef MODEL_VOCABULARY_H
#define MODEL_VOCABULARY_H

#include "base/buf.h"
#include "base/err.h"
#include "model/bpe.h"

/* At most merges_max merges of the text into ret (released by the caller). */
int vocabulary_parse(const struct buf *text, int merges_max, struct bpe *ret, struct err *e);

#endif
