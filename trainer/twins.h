/*
 * A twin of every training picture: the same scene on another background. A patch that looks the
 * same in both is to get the same token, whatever is around it: tokens that know their background
 * would have the transformer learn every object anew for every one of them.
 */
#ifndef TRAINER_TWINS_H
#define TRAINER_TWINS_H

#include "trainer/augment.h"
#include "trainer/loader.h"

struct twins {
    const struct dataset *ds;
    struct scene_options scene;
    int batch, side, grid; /* pictures; pixels a side; tokens a side */
    uint8_t *pixels;       /* [B, side, side, 3] */
    int32_t *differs;      /* [B * grid * grid] 1: the patch looks different */
    float *zero;           /* [dim] zeros */
};

/* dim: of a codebook row. ds: emoji; it must outlive the twins. */
int twins_init(struct twins *t, const struct dataset *ds, const struct scene_options *scene,
               int batch, int side, int grid, int dim, struct err *e);
void twins_release(struct twins *t);

/* Fills pixels and differs. Only backgrounds of the training split; a scene that has no other one
 * is its own twin. */
int twins_make(struct twins *t, const struct batch *b, struct rng *r, struct err *e);

#endif
