/*
 * Pictures for prompts, by the same code that the daemon runs (model/generate.h).
 */
#ifndef TRAINER_DRAW_H
#define TRAINER_DRAW_H

#include "base/image.h"
#include "model/generate.h"

/* The bundle's own sampling defaults with this seed. */
struct gen_settings draw_settings(const struct bundle_config *c, uint64_t seed);
/* prompts [n] -> ret_imgs [n], seed + i for the i-th; as many at once as g has rows. b->tokenizer
 * must be there. On -1 nothing is left to release. */
int draw_prompts(const struct bundle *b, struct gen *g, char *const *prompts, int n, uint64_t seed,
                 struct image *ret_imgs, struct err *e);

#endif
