/*
 * Training pictures u8 [B, S, S, 3] as each network wants them.
 */
#ifndef TRAINER_PIXELS_H
#define TRAINER_PIXELS_H

#include "model/clip.h"

/* [B, S, S, 3] in [-1, 1] */
struct tensor *pixels_for_vqgan(struct pass *p, const struct tensor *u8);
/* Normalised by CLIP's mean and deviation, resized to its side when that is another (bicubic,
 * antialias). */
struct tensor *pixels_for_clip(struct pass *p, const struct clip_config *c,
                               const struct tensor *u8);

#endif
