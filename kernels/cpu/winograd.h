/*
 * Convolution of 3x3 with fewer multiplications (Winograd; Lavin and Gray, arXiv 1509.09308).
 *
 * A picture is cut into cells. What a cell sees of its source is turned into side x side planes of
 * sums, so are the weights, and the planes are multiplied one by one, channels against channels:
 *
 *     y = A' [ (G w G') * (B' x B) ] A        B': see   G: weigh   A': show
 *
 * The adjoint to the weights is made of the same planes, read from the other end:
 *
 *     dw += G' [ (B' x B) * (A dy A') ] G     A: spread  G': gather
 *
 * The adjoint to the data is a convolution again, with the weights turned round.
 */
#ifndef KERNELS_CPU_WINOGRAD_H
#define KERNELS_CPU_WINOGRAD_H

#include "kernels/cpu/strip.h"

#define WINOGRAD_TAPS 9
#define WINOGRAD_OUT_MAX 4

/* One square to another, for n floats (at least VEC_LANES) of every pixel. */
typedef void winograd_turn(struct square from, struct square to, int64_t n);

struct winograd {
    int64_t side;   /* planes: side * side */
    int64_t window; /* pixels of the source that a cell sees, per side */
    int64_t step;   /* of these from a cell to the next */
    int64_t out;    /* outputs of a cell, per side; at most WINOGRAD_OUT_MAX */
    winograd_turn *see, *weigh, *show, *spread, *gather;
};

/* 4x4 outputs from 6x6 pixels by 36 products instead of 144. */
extern const struct winograd CPU(winograd_4x4);
/* 2x2 outputs from 4x4 pixels by 16 products instead of 36. */
extern const struct winograd CPU(winograd_2x2);
/* The convolution of a picture that was doubled (each pixel four times): 2x2 outputs of one pixel
 * and its neighbours by 9 products instead of 36; and its adjoint, from 4x4 pixels to one. */
extern const struct winograd CPU(winograd_doubled);
extern const struct winograd CPU(winograd_halved);

#endif
