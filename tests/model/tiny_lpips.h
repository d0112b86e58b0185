/*
 * A VGG16 of 2 to 6 channels in the layout of an LPIPS file, with random weights, and LPIPS over it
 * in double precision, written a second time and as slowly as one likes.
 */
#ifndef TESTS_MODEL_TINY_LPIPS_H
#define TESTS_MODEL_TINY_LPIPS_H

#include <stdint.h>

#include "base/err.h"

/* What is wrong with the file, if anything. */
enum tiny_lpips_flaw {
    TINY_LPIPS_FINE,
    TINY_LPIPS_NO_LAYER,
    TINY_LPIPS_MISFIT,
    TINY_LPIPS_NEGATIVE,
};

int tiny_lpips_write(const char *path, enum tiny_lpips_flaw flaw, struct err *e);

/* Pictures [h, w, 3] in [-1, 1], sides of at most 24. */
double tiny_lpips_distance(const double *a, const double *b, int h, int w);

#endif
