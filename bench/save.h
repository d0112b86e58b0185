/*
 * A bundle of a preset's sizes with random weights, as bench/load starts a daemon on.
 */
#ifndef BENCH_SAVE_H
#define BENCH_SAVE_H

#include "bench/preset.h"
#include "kernels/device.h"
#include "model/weights.h"

/* Writes it into dir, made if absent. stored: W_F32 or W_F16, of the weights in the file. The
 * vocabulary has as many entries as the preset says; its merges mean nothing. */
int save_bundle(const struct preset *p, struct device *dev, enum weights_dtype stored,
                const char *dir, struct err *e);

#endif
