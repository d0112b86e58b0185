/*
 * Sums over rows, in an order that does not depend on the threads: rows are cut into parts by
 * their number alone, a part is summed by itself, and the parts are added in their order.
 */
#ifndef KERNELS_CPU_SUM_H
#define KERNELS_CPU_SUM_H

#include "kernels/cpu/cpu.h"

#define SUM_PARTS_MAX 64

/* How many parts rows [m, n] are cut into: their sums fit in one thread's scratch. */
int64_t CPU(sum_parts)(int64_t m, int64_t n);

/* y [n] += each row of partial [parts, n], in order; y NULL: nothing. */
void CPU(sum_add_parts)(const float *partial, int64_t parts, int64_t n, int64_t stride, float *y);

#endif
