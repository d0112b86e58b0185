/*
 * clipgen-convert: published checkpoints in, one bundle out.
 */
#include <stdio.h>

#include "base/stop.h"
#include "convert/conversion.h"
#include "convert/export.h"
#include "convert/inspect.h"
#include "convert/options.h"
#include "convert/verify.h"

static void help(void)
{
    puts("usage: clipgen-convert --clip FILE|DIR --gpt FILE --vqgan FILE --output DIR [flags]\n"
         "       clipgen-convert --inspect FILE\n"
         "       clipgen-convert --verify BUNDLE\n"
         "       clipgen-convert --export hfailab|hf --bundle BUNDLE --output DIR\n\n"
         "Makes a bundle for clipgend of PyTorch and safetensors checkpoints, without Python and "
         "without\nrunning anything that is in them. Whose weights they are and their sizes are "
         "read off the tensors.\n\n"
         "  clipgen-convert --clip ViT-B-32.pt --gpt gpt_coco.pt --vqgan vqgan_coco.pt \\\n"
         "      --vocab bpe_simple_vocab_16e6.txt.gz --output models/coco\n");
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
    if (*o->inspect)
        return inspect_file(o->inspect, *o->key ? o->key : NULL, stdout, e);
    if (*o->verify)
        return verify_bundle(o->verify, stdout, e);
    if (o->export)
        return export_run(o, stdout, e);
    return conversion_run(o, stop_on_signals(), stdout, e);
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
