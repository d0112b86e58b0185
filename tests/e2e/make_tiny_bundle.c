/*
 * make_tiny_bundle DIR: writes a bundle of small random networks with a vocabulary learned from a
 * few lines, so that the real binaries can be driven in seconds. Its pictures are noise, but always
 * the same noise.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/bundle.h"

#define MERGES 32

static const char TEXT[] = "a cat on a blue background\n"
                           "a red apple on a green background\n"
                           "a blue car beside a yellow house\n"
                           "two green apples and a red car\n"
                           "a yellow sun over a blue house\n"
                           "a dog and a cat on a red background\n";

static const struct bundle_config CONFIG = {
    .name = "tiny",
    .licence = "none",
    .vocab_file = "vocab.txt",
    .clip = { .embed_dim = 32,
              .image = { .size = 32, .patch = 8, .width = 64, .layers = 2, .heads = 2 },
              .text = { .context = 16,
                        .vocab = 514 + MERGES,
                        .width = 64,
                        .layers = 2,
                        .heads = 2 },
              .quick_gelu = true,
              .mean = { 0.5f, 0.5f, 0.5f },
              .std = { 0.5f, 0.5f, 0.5f } },
    .vqgan = { .resolution = 32,
               .ch = 32,
               .levels = 3,
               .mult = { 1, 1, 1 },
               .res_blocks = 1,
               .attn_resolution = 8,
               .z_channels = 16,
               .codebook = 64,
               .groups = 32,
               .norm_eps = 1e-5f },
    .gpt = { .layers = 2,
             .width = 64,
             .heads = 4,
             .tokens = 64,
             .vocab = 64,
             .cond_dim = 32,
             .null_cond = true },
    .sampling = { .temperature = 1, .top_p = 0.95f, .guidance = 2, .top_k = 0 },
};

static int write_vocabulary(const char *path, struct err *e)
{
    struct buf b;
    int failed;

    buf_init(&b, 1 << 20);
    failed =
        tokenizer_learn(TEXT, strlen(TEXT), MERGES, &b, e) || file_write(path, b.data, b.len, e);
    buf_release(&b);
    return failed;
}

static int fill(struct bundle *b, struct err *e)
{
    return param_list_reset(&b->clip_params, 1, e) || param_list_reset(&b->vqgan_params, 2, e) ||
           param_list_reset(&b->gpt_params, 3, e) || param_list_reset(&b->condition_params, 4, e);
}

static int make(const char *dir, const char *vocabulary, struct err *e)
{
    struct device *dev = NULL;
    struct bundle *b = NULL;
    int failed = write_vocabulary(vocabulary, e) || device_open("cpu", 1, &dev, e) ||
                 bundle_new(&CONFIG, dev, PARAM_PLAIN, &b, e) || fill(b, e) ||
                 bundle_save(b, dir, W_F32, vocabulary, e);

    bundle_close(b);
    device_close(dev);
    return failed;
}

int main(int argc, char **argv)
{
    char vocabulary[4096];
    struct err e;
    int failed;

    if (argc != 2) {
        fputs("usage: make_tiny_bundle DIR\n", stderr);
        return 2;
    }
    snprintf(vocabulary, sizeof vocabulary, "%s.vocab", argv[1]);
    failed = make(argv[1], vocabulary, &e);
    unlink(vocabulary);
    if (failed)
        fprintf(stderr, "make_tiny_bundle: %s\n", e.msg);
    return failed ? 1 : 0;
}
