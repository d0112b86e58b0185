/*
 * clipgen-convert: published checkpoints in, one bundle out.
 */
#include <stdio.h>

#include "base/log.h"
#include "convert/inspect.h"
#include "convert/options.h"

static void help(void)
{
    puts("usage: clipgen-convert --inspect FILE\n\n"
         "Reads PyTorch and safetensors checkpoints without Python and without running anything "
         "that is in them.\n\n"
         "Flags:");
    conf_help(OPTIONS_ROWS, stdout);
}

static int read_options(int argc, char **argv, struct options *o, struct err *e)
{
    int rest;

    if (conf_defaults(OPTIONS_ROWS, o, e) || conf_args(OPTIONS_ROWS, o, argc, argv, "", &rest, e))
        return -1;
    if (rest < argc)
        return err_set(e, ERR_INVALID, "'%s': files are given by flags", argv[rest]);
    return 0;
}

static int run(const struct options *o, struct err *e)
{
    const char *key = *o->key ? o->key : NULL;

    return inspect_file(o->inspect, key, stdout, e);
}

/* Flags that print something and are done. */
static bool printed(int argc, char **argv)
{
    if (argc < 2 || conf_peek(argc, argv, "help"))
        help();
    else if (conf_peek(argc, argv, "version"))
        puts("clipgen-convert " CLIPGEN_VERSION);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct options o = { 0 };
    struct err e = { 0 };
    int status = 0;

    if (printed(argc, argv))
        return 0;
    if (read_options(argc, argv, &o, &e)) {
        fprintf(stderr, "clipgen-convert: %s\nTry clipgen-convert --help.\n", e.msg);
        status = 2;
    } else if (run(&o, &e)) {
        fprintf(stderr, "clipgen-convert: %s\n", e.msg);
        status = 1;
    }
    conf_release(OPTIONS_ROWS, &o);
    return status;
}
