/*
 * check_full BUNDLE FORMAT CLIP GPT VQGAN [--limits]: a bundle's networks, matrices held in FORMAT,
 * against torch's numbers, NAME.expected.safetensors of each; prints the cells of a table's row
 * behind the first two. With --limits figures are held to what f32 weights must keep, and it exits
 * 1 when one is passed.
 */
#include <stdio.h>
#include <string.h>

#include "tests/convert/reference.h"

#define CLIP_MAX 1e-4
#define LOGITS_MAX 1e-3
#define WITHIN_ONE_MIN 0.999
#define CODES_MIN 0.99 /* nearly equal distances may round either way */

static int check_clip(struct bundle *b, const char *expected, bool limited, struct err *e)
{
    struct reference_clip r;

    if (reference_clip(b, expected, &r, e))
        return -1;
    printf(" %.1e, %.1e |", r.image, r.text);
    return !limited || (r.image <= CLIP_MAX && r.text <= CLIP_MAX)
               ? 0
               : err_set(e, ERR_INTERNAL,
                         "CLIP embeddings differ from torch's by %.1e and %.1e, at most %.0e is "
                         "allowed",
                         r.image, r.text, CLIP_MAX);
}

static int check_gpt(struct bundle *b, const char *expected, bool limited, struct err *e)
{
    struct reference_gpt r;

    if (reference_gpt(b, expected, &r, e))
        return -1;
    printf(" %.1e of the largest, %d and %d ties of %d |", r.logits, r.greedy, r.ties, r.tokens);
    return !limited || (r.logits <= LOGITS_MAX && r.greedy + r.ties == r.tokens)
               ? 0
               : err_set(e, ERR_INTERNAL,
                         "logits differ from torch's by %.1e of the largest, at most %.0e is "
                         "allowed; greedy tokens are %d of %d",
                         r.logits, LOGITS_MAX, r.greedy + r.ties, r.tokens);
}

static int check_vqgan(struct bundle *b, const char *expected, bool limited, struct err *e)
{
    struct reference_vqgan r;

    if (reference_vqgan(b, expected, &r, e))
        return -1;
    if (r.codes)
        printf(" %.1e of the largest, %d of %d,", r.latents, r.equal_codes, r.codes);
    else
        printf(" no encoder,");
    printf(" %.3f %% |", 100 * r.within_one);
    return !limited || (r.within_one >= WITHIN_ONE_MIN && r.equal_codes >= CODES_MIN * r.codes)
               ? 0
               : err_set(
                     e, ERR_INTERNAL,
                     "%.3f %% of pixels are within one level of torch's, %.1f %% must be; %d of "
                     "%d codes are equal",
                     100 * r.within_one, 100 * WITHIN_ONE_MIN, r.equal_codes, r.codes);
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

static int run(char **expected, bool limited, struct bundle *b, struct err *e)
{
    if (check_clip(b, expected[0], limited, e) || check_gpt(b, expected[1], limited, e) ||
        check_vqgan(b, expected[2], limited, e))
        return -1;
    puts("");
    return 0;
}

int main(int argc, char **argv)
{
    bool limited = argc == 7 && !strcmp(argv[6], "--limits");
    enum param_format format = PARAM_F32;
    struct err e = { 0 };
    struct device *dev = NULL;
    struct bundle *b = NULL;
    int failed = 1;

    if (argc != 6 + limited)
        fprintf(stderr, "usage: check_full BUNDLE FORMAT CLIP GPT VQGAN [--limits]\n");
    else if (find_format(argv[2], &format, &e) || device_open("cpu", 0, &dev, &e) ||
             bundle_open(argv[1], dev, format, &b, &e) || run(argv + 3, limited, b, &e))
        fprintf(stderr, "check_full: %s\n", e.msg);
    else
        failed = 0;
    bundle_close(b);
    device_close(dev);
    return failed;
}
