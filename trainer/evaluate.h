/*
 * Stage `eval`: what the bundle can do, on combinations of object and colour that training never
 * showed.
 *
 * psnr: reconstruction of held-out pictures, mean over pictures, dB.
 *
 * background: fraction of pictures whose border colour is nearest to the colour asked for.
 *
 * clip_top1, clip_top5: fraction whose object's name is among the nearest of all names, by CLIP.
 *
 * pixel_top1, pixel_top10: fraction whose object is among the nearest of all objects by plain pixel
 * distance: a judge that is not CLIP.
 *
 * One picture a prompt, the bundle's own sampling defaults, no reranking. A folder's pictures have
 * no named colours and are not composed of objects, so there it is psnr and CLIP among the captions
 * asked for. Written to BUNDLE/eval.json, the pictures with their prompts to BUNDLE/sheet.png.
 */
#ifndef TRAINER_EVALUATE_H
#define TRAINER_EVALUATE_H

#include "trainer/stage.h"

int stage_eval(const struct stage *s, bool *ret_done, struct err *e);

#endif
