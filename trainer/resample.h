/*
 * Draws a picture, scaled, at any place and not only whole pixels, onto a flat-coloured canvas: the
 * antialiased filter of trainer/augment.h's scenes. A triangle filter as wide as the scale wants,
 * on premultiplied colours, so that what transparent pixels hold never shows.
 */
#ifndef TRAINER_RESAMPLE_H
#define TRAINER_RESAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/image.h"

struct resample {
    float left, top; /* of the picture on the canvas, in canvas pixels; may be outside */
    float scale;     /* canvas pixels a picture pixel, > 0 */
    bool flip;       /* mirrored in its own place */
};

/* canvas: [side, side, 3], drawn over. RGBA pictures blend; RGB ones are opaque to their edge. */
int resample_draw(const struct image *picture, const struct resample *r, int side, uint8_t *canvas,
                  struct err *e);

#endif
