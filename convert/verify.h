/*
 * A bundle checked again, to the last value.
 */
#ifndef CONVERT_VERIFY_H
#define CONVERT_VERIFY_H

#include <stdio.h>

#include "base/err.h"

/* Everything that bundle_check looks at, the SHA-256 that config.json records, and that every
 * weight is a finite number. Prints what was checked. */
int verify_bundle(const char *dir, FILE *out, struct err *e);

#endif
