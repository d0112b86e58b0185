/*
 * A bundle's networks against what torch computes for the same weights: the files that
 * tools/make-reference puts beside its checkpoints (in.*, out.*).
 */
#ifndef TESTS_CONVERT_REFERENCE_H
#define TESTS_CONVERT_REFERENCE_H

#include "model/bundle.h"

struct reference_clip {
    double image, text; /* largest difference of the unit embeddings */
};
struct reference_gpt {
    double logits; /* largest difference over the largest magnitude */
    int greedy;    /* positions where the reference's greedy token is ours, ... */
    int ties;      /* ... or has our best logit but for 1e-3 of the largest magnitude */
    int tokens;
};
struct reference_vqgan {
    double latents; /* largest difference over the largest magnitude; 0 without an encoder */
    int codes, equal_codes;
    double within_one; /* pixels within one level of 255, of the reference's codes */
};

/* expected: path of NAME.expected.safetensors. */
int reference_clip(struct bundle *b, const char *expected, struct reference_clip *ret,
                   struct err *e);
int reference_gpt(struct bundle *b, const char *expected, struct reference_gpt *ret, struct err *e);
int reference_vqgan(struct bundle *b, const char *expected, struct reference_vqgan *ret,
                    struct err *e);

#endif
