/*
 * Checkpoints of three networks in, one bundle out: recognised, compared, then written a piece at a
 * time into a directory that appears whole or not at all.
 */
#ifndef CONVERT_CONVERSION_H
#define CONVERT_CONVERSION_H

#include <signal.h>
#include <stdio.h>

#include "convert/options.h"

/* What was recognised goes to `out`, tensors that do not fit and the progress to stderr. *stop
 * (borrowed) is looked at between pieces: a conversion that is stopped leaves nothing behind. */
int conversion_run(const struct options *o, const volatile sig_atomic_t *stop, FILE *out,
                   struct err *e);

#endif
