/*
 * Stage `bundle`: the three trained networks, the condition's means and the vocabulary as one
 * bundle.
 */
#ifndef TRAINER_STAGE_BUNDLE_H
#define TRAINER_STAGE_BUNDLE_H

#include "trainer/stage.h"

int stage_bundle(const struct stage *s, bool *ret_done, struct err *e);

#endif
