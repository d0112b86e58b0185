/*
 * Stage `data`: pictures, manifest and licences into DIR/data, and the vocabulary learned from all
 * captions.
 */
#ifndef TRAINER_STAGE_DATA_H
#define TRAINER_STAGE_DATA_H

#include "trainer/stage.h"

int stage_data(const struct stage *s, bool *ret_done, struct err *e);

#endif
