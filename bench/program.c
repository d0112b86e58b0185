#include "bench/program.h"

#include <stdio.h>

static int read_flags(const struct program *p, int argc, char **argv, void *options, struct err *e)
{
    int rest;

    if (conf_defaults(p->rows, options, e) ||
        conf_args(p->rows, options, argc, argv, NULL, &rest, e))
        return -1;
    return rest == argc ? 0 : err_set(e, ERR_INVALID, "unexpected argument '%.60s'", argv[rest]);
}

int program_main(const struct program *p, int argc, char **argv, void *options)
{
    struct err e = { 0 };
    int failed;

    if (conf_peek(argc, argv, "help")) {
        printf("Usage: %s [flags]\n\n", p->name);
        conf_help(p->rows, stdout);
        return 0;
    }
    failed = read_flags(p, argc, argv, options, &e) || p->run(options, &e);
    if (failed)
        fprintf(stderr, "%s: %s\n", p->name, e.msg);
    conf_release(p->rows, options);
    return failed ? 1 : 0;
}
