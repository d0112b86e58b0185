/*
 * check_full BUNDLE FORMAT [clip|gpt|vqgan EXPECTED]...: a bundle's networks, matrices held in one
 * of the formats of clipgend --weights, against torch's numbers. With --limits behind them, figures
 * are held to what f32 weights must keep, and it exits 1 when one is passed; otherwise they are
 * reported.
 */
#include <stdio.h>
#include <string.h>

#include "tests/convert/reference.h"

#define CLIP_MAX 1e-4
#define LOGITS_MAX 1e-3
#define WITHIN_ONE_MIN 0.999
#define CODES_MIN 0.99 /* nearly equal distances may round either way */

/* Whether a figure keeps its limit; f16 and quantised weights have none. */
static bool keeps(bool good, bool limited)
{
    return good || !limited;
}

static int check_clip(struct bundle *b, const char *expected, bool limited, struct err *e)
{
    struct reference_clip r;

    if (reference_clip(b, expected, &r, e))
        return -1;
    printf("clip   picture embeddings differ by %.2e, text by %.2e (f32: at most %.0e)\n", r.image,
           r.text, CLIP_MAX);
    return keeps(r.image <= CLIP_MAX && r.text <= CLIP_MAX, limited)
               ? 0
               : err_set(e, ERR_INTERNAL, "CLIP embeddings are not those of torch");
}

static int check_gpt(struct bundle *b, const char *expected, bool limited, struct err *e)
{
    struct reference_gpt r;

    if (reference_gpt(b, expected, &r, e))
        return -1;
    printf(
        "gpt    logits differ by %.2e of the largest (f32: at most %.0e); greedy tokens: %d of %d "
        "equal, %d ties\n",
        r.logits, LOGITS_MAX, r.greedy, r.tokens, r.ties);
    return keeps(r.logits <= LOGITS_MAX && r.greedy + r.ties == r.tokens, limited)
               ? 0
               : err_set(e, ERR_INTERNAL, "the transformer's logits are not those of torch");
}

static int check_vqgan(struct bundle *b, const char *expected, bool limited, struct err *e)
{
    struct reference_vqgan r;

    if (reference_vqgan(b, expected, &r, e))
        return -1;
    printf("vqgan  latents differ by %.2e of the largest, %d of %d codes equal; %.4f %% of pixels "
           "within one level (f32: at least %.1f %%)\n",
           r.latents, r.equal_codes, r.codes, 100 * r.within_one, 100 * WITHIN_ONE_MIN);
    return keeps(r.within_one >= WITHIN_ONE_MIN && r.equal_codes >= CODES_MIN * r.codes, limited)
               ? 0
               : err_set(e, ERR_INTERNAL, "the VQGAN's pictures are not those of torch");
}

static const struct {
    const char *name;
    int (*check)(struct bundle *b, const char *expected, bool limited, struct err *e);
} NETWORKS[] = { { "clip", check_clip }, { "gpt", check_gpt }, { "vqgan", check_vqgan } };

static int check(struct bundle *b, const char *name, const char *expected, bool limited,
                 struct err *e)
{
    for (size_t i = 0; i < sizeof NETWORKS / sizeof *NETWORKS; i++)
        if (!strcmp(NETWORKS[i].name, name))
            return NETWORKS[i].check(b, expected, limited, e);
    return err_set(e, ERR_INVALID, "'%s' is none of clip, gpt and vqgan", name);
}

static int find_format(const char *name, enum param_format *ret, struct err *e)
{
    for (enum param_format f = PARAM_F32; f <= PARAM_PLAIN; f++)
        if (!strcmp(param_format_name(f), name)) {
            *ret = f;
            return 0;
        }
    return err_set(e, ERR_INVALID, "'%s' is none of " PARAM_FORMATS, name);
}

static int run(int argc, char **argv, struct bundle *b, struct err *e)
{
    bool limited = !strcmp(argv[argc - 1], "--limits");

    for (int i = 3; i + 1 < argc; i += 2)
        if (check(b, argv[i], argv[i + 1], limited, e))
            return -1;
    return 0;
}

int main(int argc, char **argv)
{
    enum param_format format = PARAM_F32;
    struct err e = { 0 };
    struct device *dev = NULL;
    struct bundle *b = NULL;
    int failed = 1;

    if (argc < 3)
        fprintf(stderr,
                "usage: check_full BUNDLE FORMAT [clip|gpt|vqgan EXPECTED]... [--limits]\n");
    else if (find_format(argv[2], &format, &e) || device_open("cpu", 0, &dev, &e) ||
             bundle_open(argv[1], dev, format, &b, &e) || run(argc, argv, b, &e))
        fprintf(stderr, "check_full: %s\n", e.msg);
    else
        failed = 0;
    bundle_close(b);
    device_close(dev);
    return failed;
}
