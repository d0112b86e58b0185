/*
 * README.md of a bundle that was converted: what it is, where it comes from, under which licence.
 */
#ifndef CONVERT_CARD_H
#define CONVERT_CARD_H

#include "model/bundle.h"

/* Appends the text. licence_file: whether there is a file LICENCE beside it. */
void card_write(const struct bundle_config *c, enum weights_dtype dtype, bool licence_file,
                struct buf *out);

#endif
