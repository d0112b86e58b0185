/*
 * What the frozen networks see in training pictures: the VQGAN's tokens and CLIP's features. A
 * plain scene (augment.h) is a function of object and background: it is looked at once and
 * remembered, so that training on such pictures costs the transformer alone. Pictures are looked at
 * in groups of one size: what is seen does not depend on what was remembered before, and a run that
 * is resumed goes on with the same bytes.
 */
#ifndef TRAINER_LOOK_H
#define TRAINER_LOOK_H

#include "base/err.h"
#include "model/bundle.h"
#include "trainer/dataset.h"
#include "trainer/loader.h"

struct look;

/* b: CLIP and VQGAN of the recipe, loaded; ds: where the scenes come from; both must outlive it.
 * side: of a picture, pixels; batch: pictures a batch; temperature: of drawing a token among the
 * codes near to it (near_codes.h), 0: always the nearest. */
int look_new(struct bundle *b, const struct dataset *ds, int side, int batch, float temperature,
             struct look **ret_look, struct err *e);
void look_free(struct look *l);

/* ret_tokens [B, T] and ret_features [B, E], raw CLIP image features: the look's own, until the
 * next call. r: what tokens are drawn with; NULL: the nearest. ret_flops: floating point operations
 * it took. */
int look_at(struct look *l, const struct batch *batch, struct rng *r, const int32_t **ret_tokens,
            const float **ret_features, double *ret_flops, struct err *e);

#endif
