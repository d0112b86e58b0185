/*
 * Stage `gpt`: the transformer learns to draw the tokens of a picture from the picture's own CLIP
 * embedding. No caption is read here: that is the point of CLIP-GEN. Prompts work later because
 * CLIP puts text and pictures into one space; the condition's noise and centring
 * (model/condition.h) close what gap remains.
 */
#ifndef TRAINER_STEP_GPT_H
#define TRAINER_STEP_GPT_H

#include "trainer/stage.h"

int stage_gpt(const struct stage *s, bool *ret_done, struct err *e);

#endif
