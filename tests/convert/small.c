#include "tests/convert/small.h"

#include <string.h>

#include "convert/conversion.h"
#include "convert/export.h"
#include "tests/test.h"

#define VOCABULARY "/tests/data/golden/tokenizer/bpe_tiny.txt.gz"

static const volatile sig_atomic_t running = 0;

const char *small_path(const char *rest)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s%s", test_srcdir(), rest);
    return path;
}

void small_set(struct options *o, const char *key, const char *value)
{
    struct err e = { 0 };

    if (conf_set(OPTIONS_ROWS, o, key, value, &e))
        fail_msg("%s", e.msg);
}

void small_options(struct options *o, const char *clip, const char *vqgan, const char *out)
{
    struct err e = { 0 };

    memset(o, 0, sizeof *o);
    assert_int_equal(conf_defaults(OPTIONS_ROWS, o, &e), 0);
    small_set(o, "clip", clip);
    small_set(o, "vqgan", vqgan);
    small_set(o, "gpt", small_path(FAMILIES "gpt_coco.pt"));
    small_set(o, "vocab", small_path(VOCABULARY));
    small_set(o, "output", out);
    small_set(o, "clip_heads", "2");
    small_set(o, "clip_text_heads", "1");
    small_set(o, "gpt_heads", "2");
    small_set(o, "vqgan_groups", "2");
    small_set(o, "licence", "MIT");
}

int small_try(const struct options *o, struct err *e)
{
    FILE *quiet = fopen("/dev/null", "w");
    int rc;

    assert_non_null(quiet);
    rc = conversion_run(o, &running, quiet, e);
    fclose(quiet);
    return rc;
}

void small_convert(struct options *o)
{
    struct err e = { 0 };

    if (small_try(o, &e))
        fail_msg("%s", e.msg);
    conf_release(OPTIONS_ROWS, o);
}

void small_export(int how, const char *bundle, const char *out)
{
    struct options o = { 0 };
    FILE *quiet = fopen("/dev/null", "w");
    struct err e = { 0 };

    assert_int_equal(conf_defaults(OPTIONS_ROWS, &o, &e), 0);
    small_set(&o, "bundle", bundle);
    small_set(&o, "output", out);
    o.export = how;
    if (export_run(&o, quiet, &e))
        fail_msg("%s", e.msg);
    conf_release(OPTIONS_ROWS, &o);
    fclose(quiet);
}

void small_back(struct options *o, const char *exported, const char *name, const char *vocab,
                const char *out)
{
    char clip[300], vqgan[300], gpt[300];

    snprintf(clip, sizeof clip, "%s%s", exported, name);
    snprintf(vqgan, sizeof vqgan, "%s/vqgan.safetensors", exported);
    snprintf(gpt, sizeof gpt, "%s/gpt.safetensors", exported);
    small_options(o, clip, vqgan, out);
    small_set(o, "gpt", gpt);
    small_set(o, "vocab", vocab);
    small_set(o, "clip_activation", "quick_gelu");
}

void small_convert_back(const char *exported, const char *name, const char *vocab, const char *out)
{
    struct options o;

    small_back(&o, exported, name, vocab, out);
    small_convert(&o);
}
