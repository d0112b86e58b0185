/*
 * The ways to convolve, for conv.c to choose from. Operands as in backend.h.
 */
#ifndef KERNELS_CPU_CONV_H
#define KERNELS_CPU_CONV_H

#include "kernels/cpu/winograd.h"

/* conv_taps.c: any kernel of up to 64 taps (of a doubled picture, four times its own). */
int CPU(taps_conv)(const struct cpu *c, const struct backend_conv *how, ctensor *x, ctensor *w,
                   ctensor *bias, struct tensor *y, struct err *e);
int CPU(taps_bwd_data)(const struct cpu *c, const struct backend_conv *how, ctensor *dy, ctensor *w,
                       struct tensor *dx, struct err *e);

/* conv_weight.c: any kernel whose window fits into scratch. */
int CPU(windows_weight)(const struct cpu *c, const struct backend_conv *how, ctensor *x,
                        ctensor *dy, struct tensor *dw, struct err *e);

/* conv_rgb_weight.c: 3x3 at stride 1 from or to three channels; false: it is none, or does not fit.
 */
bool CPU(rgb_weight)(const struct cpu *c, const struct backend_conv *how, ctensor *x, ctensor *dy,
                     struct tensor *dw);

/* winograd_weight.c: 3x3, stride 1, where it fits: enough channels to fill vectors, few enough for
 * the shared memory. */
bool CPU(winograd_weight_fits)(const struct winograd *form, int64_t in, int64_t out);
void CPU(winograd_weight)(const struct cpu *c, const struct winograd *form, struct conv_pad pad,
                          ctensor *x, ctensor *dy, struct tensor *dw);

#endif
