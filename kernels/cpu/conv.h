/*
 * The ways to convolve, for conv.c to choose from. Operands as in backend.h.
 */
#ifndef KERNELS_CPU_CONV_H
#define KERNELS_CPU_CONV_H

#include "kernels/cpu/cpu.h"

/* conv_taps.c: any kernel of up to 64 taps. */
int CPU(taps_conv)(const struct cpu *c, ctensor *x, ctensor *w, ctensor *bias, int stride,
                   struct conv_pad pad, struct tensor *y, struct err *e);
int CPU(taps_bwd_data)(const struct cpu *c, ctensor *dy, ctensor *w, int stride,
                       struct conv_pad pad, struct tensor *dx, struct err *e);

#endif
