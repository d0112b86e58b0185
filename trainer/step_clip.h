/*
 * Stage `clip`: contrastive training of a small CLIP on pictures and their captions, for bundles
 * that bring no CLIP of their own. Loss: the symmetric cross entropy of arXiv 2103.00020, figure 3.
 */
#ifndef TRAINER_STEP_CLIP_H
#define TRAINER_STEP_CLIP_H

#include "trainer/stage.h"

int stage_clip(const struct stage *s, bool *ret_done, struct err *e);

#endif
