/*
 * What was recognised, in words: three lines a file.
 */
#ifndef CONVERT_DESCRIBE_H
#define CONVERT_DESCRIBE_H

#include <stdio.h>

#include "convert/checkpoint.h"
#include "convert/family.h"

void describe_input(const char *path, const struct checkpoint *c, const struct family *f,
                    const struct networks *n, FILE *out);

#endif
