/*
 * What this machine can do, measured again and again beside what is compared with it: multiply-adds
 * on registers (peak.h) and reading memory; of a GPU, its own products and copies (device_peak.h).
 * A limit is the time that work would take at these rates.
 *
 *     machine_open(&m, threads, NULL, e);
 *     machine_probe(&m, &rates, e);     before every run of what is measured
 *     machine_close(&m);
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bench/device_peak.h"

struct rates {
    double fma_gflops; /* 1e9 multiplications and additions a second */
    double read_gbps;  /* 1e9 bytes a second */
};

struct machine {
    int threads;
    unsigned char *block; /* much larger than the caches */
    uint64_t sum;         /* of what was read: nobody may leave the reading out */
    bool other;           /* not the CPU is measured but */
    struct device_peak device;
};

/* threads: at least 1. other: the device that is measured; NULL: the CPU. Takes 512 MiB, or what
 * device_peak_open does. */
int machine_open(struct machine *m, int threads, struct device *other, struct err *e);
void machine_close(struct machine *m);
/* The best of many short tries, as others may be using the machine; about 0.2 s. */
int machine_probe(struct machine *m, struct rates *ret_rates, struct err *e);

#endif
