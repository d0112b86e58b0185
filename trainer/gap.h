/*
 * The modality gap, measured: mean unit embedding of training pictures and of their captions.
 */
#ifndef TRAINER_GAP_H
#define TRAINER_GAP_H

#include "model/bundle.h"
#include "trainer/stage.h"

/* Fills b->condition's means from `pictures` training pictures; *ret_gap: distance between the two
 * means. */
int gap_measure(const struct stage *s, const struct dataset *ds, const struct tokenizer *tok,
                struct bundle *b, int pictures, double *ret_gap, struct err *e);

#endif
