/*
 * A part measured in turn with the machine: probe, run, probe, run ... What a run took and what the
 * machine could do are medians of the same minutes.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdio.h>

#include "bench/machine.h"
#include "bench/part.h"

#define RUNS_MAX 100

struct stage_result {
    const char *name; /* NULL: the part has one stage */
    struct work work;
    double seconds, limit_seconds; /* median; what the work needs at the machine's rates */
};

struct result {
    const struct part *part;
    int threads, runs;
    int repeats;        /* repeats: of the part in one run, so that a run is long enough to time */
    struct rates rates; /* medians of the probes of this part */
    double seconds, min_seconds; /* of one repeat: median and least */
    double cpu_seconds;          /* least that all threads together computed */
    double limit_seconds;        /* sum of the stages' */
    int n_stages;
    struct stage_result stage[STAGES_MAX];
};

/* Opens the part, warms up (unless a run takes seconds), measures it and closes it. */
int measure_part(struct bench *b, const struct part *part, struct machine *m, int runs,
                 struct result *ret_result, struct err *e);
/* For a program that measures something else in turn: opens the part, runs it once to warm up and
 * says "ready"; then reads lines, each a number of repeats, and answers with the seconds of one
 * repeat, until `in` ends. */
int measure_turns(struct bench *b, const struct part *part, FILE *in, FILE *out, struct err *e);
/* The larger of reading and computing. */
double measure_limit(const struct work *w, const struct rates *r);
/* Sorts n >= 1 values. */
double measure_median(double *values, int n);

#endif
