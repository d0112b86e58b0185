/*
 * How the codebook is used, and new places for entries that nothing uses: a dead entry is set to a
 * vector that the encoder has just made (Dhariwal et al., Jukebox, arXiv 2005.00341, section 3).
 */
#ifndef TRAINER_CODEBOOK_H
#define TRAINER_CODEBOOK_H

#include "base/err.h"
#include "base/rng.h"
#include "model/weights.h"
#include "trainer/metrics.h"

struct codebook {
    int entries, width;
    bool unit;    /* vectors are used at unit length */
    float *usage; /* [entries] moving average of uses a step */
    float *rows;  /* [entries, width] host copy for restarts */
};

int codebook_init(struct codebook *c, int entries, int width, bool unit, struct err *e);
void codebook_release(struct codebook *c);

/* Counts n codes of a step; sets "perplexity" (of this step's codes) and "codes_used" (fraction of
 * entries alive). */
void codebook_count(struct codebook *c, const int32_t *ids, int64_t n, struct metrics *m);

/* Entries used less than `below` of the average get one of the n vectors z [n, width] instead;
 * *ret_dead [entries] lists them, n_dead how many. rows must hold the present entries and is
 * updated. */
int codebook_restart(struct codebook *c, const float *z, int64_t n, double below, struct rng *r,
                     int *ret_dead);

int codebook_save(const struct codebook *c, struct weights_out *out, struct err *e);
int codebook_load(struct codebook *c, const struct weights *w, struct err *e);

#endif
