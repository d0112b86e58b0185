/*
 * Numbers of one step, by name; written as JSON lines.
 */
#ifndef TRAINER_METRICS_H
#define TRAINER_METRICS_H

#include <stdio.h>

#include "base/err.h"

#define METRICS_MAX 24

struct metrics {
    struct {
        const char *name; /* static text */
        double value;
    } item[METRICS_MAX];
    int n;
};

/* Later values replace earlier ones of the same name; more than METRICS_MAX are left out. */
void metrics_set(struct metrics *m, const char *name, double value);
/* NaN if there is none. */
double metrics_get(const struct metrics *m, const char *name);
/* The name of the first value that is not finite; NULL if all are. */
const char *metrics_not_finite(const struct metrics *m);

/* A file of JSON lines, appended to. A resumed run cuts the lines of steps it will do again:
 * keep_below. */
struct metrics_log {
    FILE *file;
};
int metrics_log_open(struct metrics_log *log, const char *path, long long keep_below,
                     struct err *e);
/* {"step":12,"loss":0.5,...} */
int metrics_log_write(struct metrics_log *log, long long step, const struct metrics *m,
                      struct err *e);
void metrics_log_close(struct metrics_log *log);

#endif
