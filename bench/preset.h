/*
 * Sizes that are measured: those of published weights, and those of the bundle in this repository.
 */
#ifndef BENCH_PRESET_H
#define BENCH_PRESET_H

#include <stdio.h>

#include "model/bundle.h"

struct preset {
    struct bundle_config config;
    int gpt_batch, vqgan_batch; /* pictures of a training step */
};

#define PRESET_CHOICES "coco|emoji" /* in this order: enum preset_name */
enum preset_name { PRESET_COCO, PRESET_EMOJI };

/* coco: the networks that HFAiLab/clip-gen published for MS-COCO, 256 x 256 pixels, with CLIP
 * ViT-B/32, and small training batches. emoji: models/emoji-64 as its config.json says, and the
 * batches of its recipe. */
int preset_load(enum preset_name name, struct preset *ret_preset, struct err *e);
/* {"gpt_batch", "vqgan_batch", "config": what the config.json of such a bundle says} */
int preset_print(const struct preset *p, FILE *out, struct err *e);

#endif
