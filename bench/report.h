/*
 * Results for people and for programs.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "bench/measure.h"

/* A table, a row as soon as it is there: median seconds, limit, ratio, the ratio of the best run,
 * and that of a thread's computing time, which tells more while others use the machine (with one
 * thread: of several, those that wait compute too). Then what the machine could do meanwhile. */
void report_head(FILE *out, const char *machine);
void report_row(FILE *out, const struct result *r);

/* {"machine":{"fma_gflops", "read_gbps", ...}, "results":[{"name", "seconds", "limit_seconds",
 * "ratio", ...}]}: medians of all probes; what each row's own probes said stands in the row. */
void report_json(FILE *out, const char *machine, int threads, const struct result *r, int n);

#endif
