/*
 * The flags of clipgen-convert, as one table.
 */
#ifndef CONVERT_OPTIONS_H
#define CONVERT_OPTIONS_H

#include "base/conf.h"

#define OPTIONS_PATH_MAX 4096

struct options {
    char *inspect;
    char *key; /* "": found by itself */
};

extern const struct conf_row OPTIONS_ROWS[];

#endif
