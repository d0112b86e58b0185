/*
 * Threads: the one file that includes omp.h.
 *
 * Loops are `#pragma omp parallel for num_threads(c->threads)` in the outer function of a kernel.
 * Work is cut by par_range() into a number of parts that comes from the shape alone; sums over
 * parts are then added in the order of the parts, whoever computed them.
 */
#ifndef KERNELS_CPU_PAR_H
#define KERNELS_CPU_PAR_H

#ifdef _OPENMP
#include <omp.h>
#endif

#include "kernels/cpu/cpu.h"

/* Which of the loop's threads this is. */
static inline int par_self(void)
{
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

/* CPUs this process may run on. */
static inline int par_cpus(void)
{
#ifdef _OPENMP
    return omp_get_num_procs();
#else
    return 1;
#endif
}

struct par_range {
    int64_t begin, end;
};

/* Part i of 0..n cut into `parts` pieces of nearly equal size. */
static inline struct par_range par_range(int64_t n, int64_t parts, int64_t i)
{
    return (struct par_range){ n * i / parts, n * (i + 1) / parts };
}

static inline int64_t par_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* This thread's CPU_SCRATCH_BYTES. */
static inline float *cpu_scratch(const struct cpu *c)
{
    return (float *)c->scratch[par_self()];
}

/* CPU_SHARED_BYTES for all threads. */
static inline float *cpu_shared(const struct cpu *c)
{
    return (float *)c->shared;
}

#define CPU_SCRATCH_FLOATS ((int64_t)(CPU_SCRATCH_BYTES / sizeof(float)))
#define CPU_SHARED_FLOATS ((int64_t)(CPU_SHARED_BYTES / sizeof(float)))

#endif
