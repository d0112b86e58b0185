/*
 * The most multiplications and additions a second that this machine does: what kernels are compared
 * with.
 */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

/* GFLOP/s of fused multiply-adds on registers, with the widest vectors of the machine, on
 * `threads` threads at once. */
double peak_gflops(int threads);

#endif
