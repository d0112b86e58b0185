/*
 * Stage `eval`: what the bundle can do, on combinations of object and colour that training never
 * showed.
 *
 *   psnr            reconstruction of held-out pictures, mean over pictures, dB
 *   background      border colour of the picture for "a cat on a blue background" is nearest to the
 * colour asked for clip_top1, 5    the object's name is among the nearest of all names to the
 * picture, by CLIP pixel_top10     the object is among the ten nearest of all objects by plain
 * pixel distance: a judge that is not CLIP
 *
 * One picture a prompt, the bundle's own sampling defaults, no reranking. Written to
 * BUNDLE/eval.json, with the pictures as BUNDLE/sheet.png.
 */
#ifndef TRAINER_EVALUATE_H
#define TRAINER_EVALUATE_H

#include "trainer/stage.h"

int stage_eval(const struct stage *s, bool *ret_done, struct err *e);

#endif
