/*
 * The progress of a long run on stderr: on a terminal one line that is drawn again, elsewhere a
 * line every half minute. vqgan [=====>              ] 1234/5000  loss 0.1234  98.2 pictures/s  210
 * GFLOP/s  ETA 12:34
 */
#ifndef TRAINER_PROGRESS_H
#define TRAINER_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *name;
    int64_t first, total, batch; /* steps; pictures a step */
    int64_t start_ns, shown_ns, rate_ns, rate_step;
    double flops_since, pictures_s, gflops_s; /* over the last display interval */
    bool terminal;
};

void progress_start(struct progress *p, const char *name, int64_t first, int64_t total,
                    int64_t batch);
/* After every step; flops: floating point operations of the step. */
void progress_step(struct progress *p, int64_t step, double loss, double flops);
/* Ends the line. */
void progress_end(struct progress *p);

#endif
