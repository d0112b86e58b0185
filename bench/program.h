/*
 * A program of this folder from its first line to its last: flags by a table, --help, one error.
 */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include "base/conf.h"

struct program {
    const char *name;            /* "bench/serve" */
    const struct conf_row *rows; /* every flag; no other arguments are taken */
    int (*run)(const void *options, struct err *e);
};

/* options: all zero; what rows describe. Returns what main returns. */
int program_main(const struct program *p, int argc, char **argv, void *options);

#endif
