/*
 * What a device can do through its own calls: multiplications and additions of a large product, and
 * bytes that a large copy reads and writes. For devices that the CPU's loops (peak.h, machine.h)
 * say nothing about.
 */
#ifndef BENCH_DEVICE_PEAK_H
#define BENCH_DEVICE_PEAK_H

#include "kernels/arena.h"

struct device_peak {
    struct arena arena; /* the matrices, which are the blocks that are copied, too */
    int64_t side;       /* of the product */
};

/* Takes 768 MiB of the device. */
int device_peak_open(struct device_peak *d, struct device *dev, struct err *e);
void device_peak_close(struct device_peak *d);
/* The best of a few tries: 1e9 operations and bytes a second. */
int device_peak_probe(struct device_peak *d, double *ret_gflops, double *ret_gbps, struct err *e);

#endif
