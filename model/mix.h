/*
 * Weighted means of unit vectors: several prompts as one.
 */
#ifndef MODEL_MIX_H
#define MODEL_MIX_H

#include "base/err.h"

/* v: n unit vectors [dim]; weight [n], finite, of any sign. ret_unit [dim]: their weighted sum,
 * made a unit vector again. A single vector is copied as it is. INVALID when they cancel each
 * other. */
int mix_unit(const float *const *v, const float *weight, int n, int dim, float *ret_unit,
             struct err *e);

#endif
