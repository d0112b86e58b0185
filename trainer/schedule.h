/*
 * Learning rate: linear rise over `warmup` steps, then half a cosine to `end` of the peak at the
 * last step.
 */
#ifndef TRAINER_SCHEDULE_H
#define TRAINER_SCHEDULE_H

#include <stdint.h>

/* step counts from 0. */
double schedule_rate(int64_t step, int64_t steps, int64_t warmup, double peak, double end);

#endif
