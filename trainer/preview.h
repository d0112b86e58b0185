/*
 * Pictures of how training goes, from packed pixels [n, side, side, 3].
 */
#ifndef TRAINER_PREVIEW_H
#define TRAINER_PREVIEW_H

#include <stdint.h>

#include "base/image.h"

/* Mean over the pictures of 10 log10(255^2 / mean squared error). */
double preview_psnr(const uint8_t *a, const uint8_t *b, int n, int side);
/* Pairs side by side, a left of b; up to 32 pairs. */
int preview_pairs(const uint8_t *a, const uint8_t *b, int n, int side, struct image *ret_img,
                  struct err *e);

#endif
