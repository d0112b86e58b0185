/*
 * The ways to convolve, for conv.c to choose from. Operands as in backend.h.
 */
#ifndef KERNELS_CPU_CONV_H
#define KERNELS_CPU_CONV_H

#include "kernels/cpu/winograd.h"

/* conv_taps.c: any kernel of up to 64 taps. */
int CPU(taps_conv)(const struct cpu *c, ctensor *x, ctensor *w, ctensor *bias, int stride,
                   struct conv_pad pad, struct tensor *y, struct err *e);
int CPU(taps_bwd_data)(const struct cpu *c, ctensor *dy, ctensor *w, int stride,
                       struct conv_pad pad, struct tensor *dx, struct err *e);

/* conv_weight.c: any kernel whose window fits into scratch. */
int CPU(windows_weight)(const struct cpu *c, ctensor *x, ctensor *dy, int stride,
                        struct conv_pad pad, struct tensor *dw, struct err *e);

/* winograd_weight.c: 3x3, stride 1, where it fits: enough channels to fill vectors, few enough for
 * the shared memory. */
bool CPU(winograd_weight_fits)(const struct winograd *form, int64_t in, int64_t out);
void CPU(winograd_weight)(const struct cpu *c, const struct winograd *form, ctensor *x, ctensor *dy,
                          struct conv_pad pad, struct tensor *dw);

#endif
