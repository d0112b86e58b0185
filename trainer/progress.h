/*
 * The progress of a long run on stderr (base/line.h):
 *     vqgan [====>     ] 1234/5000  loss 0.1234  98.2 pictures/s  210 GFLOP/s  ETA 0:12:34
 */
#ifndef TRAINER_PROGRESS_H
#define TRAINER_PROGRESS_H

#include "base/line.h"

struct progress {
    const char *name;
    int64_t total, batch; /* steps; pictures a step */
    int64_t rate_ns, rate_step;
    double flops_since, pictures_s, gflops_s; /* over the last display interval */
    struct line line;
};

void progress_start(struct progress *p, const char *name, int64_t first, int64_t total,
                    int64_t batch);
/* After every step; flops: floating point operations of the step. */
void progress_step(struct progress *p, int64_t step, double loss, double flops);
/* Ends the line. */
void progress_end(struct progress *p);

#endif
