/*
 * What this machine can do, measured again and again beside what is compared with it: multiply-adds
 * on registers (peak.h) and reading memory. A limit is the time that work would take at these
 * rates.
 *
 *     machine_open(&m, threads, e);
 *     machine_probe(&m, &rates);     before every run of what is measured
 *     machine_close(&m);
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdint.h>

#include "base/err.h"

struct rates {
    double fma_gflops; /* 1e9 multiplications and additions a second */
    double read_gbps;  /* 1e9 bytes a second */
};

struct machine {
    int threads;
    unsigned char *block; /* much larger than the caches */
    uint64_t sum;         /* of what was read: nobody may leave the reading out */
};

/* threads: at least 1. Takes 512 MiB. */
int machine_open(struct machine *m, int threads, struct err *e);
void machine_close(struct machine *m);
/* The best of many short tries, as others may be using the machine; about 0.2 s. */
void machine_probe(struct machine *m, struct rates *ret_rates);

#endif
