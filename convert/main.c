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
    puts(
        "usage: clipgen-convert --clip FILE|DIR --gpt FILE --vqgan FILE --output DIR [flags]\n"
        "       clipgen-convert --inspect FILE\n"
        "       clipgen-convert --verify BUNDLE\n"
        "       clipgen-convert --export hfailab|hf --bundle BUNDLE --output DIR\n"
        "\n"
        "Makes a bundle for clipgend of published weights, without Python and without running\n"
        "anything that is in them. Files of torch.save old and new, TorchScript, Lightning and\n"
        "safetensors, also in shards; a directory means the weights in it. Whose they are and all\n"
        "sizes are read off the tensors and printed; what no tensor tells is a flag, or in a\n"
        "config.json beside them.\n"
        "\n"
        "  CLIP         OpenAI's ViT, Hugging Face's CLIPModel, OpenCLIP\n"
        "  transformer  HFAiLab/clip-gen, or what --export hfailab wrote\n"
        "  VQGAN        HFAiLab/clip-gen, taming-transformers f16, LlamaGen, min-dalle\n"
        "\n"
        "Examples\n"
        "  clipgen-convert --inspect vqgan_coco.pt               what is in a file\n"
        "  clipgen-convert --clip ViT-B-32.pt --gpt gpt_coco.pt --vqgan vqgan_coco.pt \\\n"
        "      --vocab bpe_simple_vocab_16e6.txt.gz --licence MIT --output models/coco\n"
        "  clipgend --bundle models/coco                         serves it\n"
        "  clipgen-convert --verify models/coco                  whether it is whole\n"
        "  clipgen-convert --export hf --bundle models/coco --output pytorch\n"
        "\n"
        "docs/WEIGHTS.md says where weights are and what their licences are.\n");
    conf_help(OPTIONS_ROWS, stdout);
    puts("\nExit status: 0 done, 1 refused or failed, and nothing was written, 2 used wrongly.");
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
