#include "bench/peak.h"

#include <stdint.h>

#include "base/clock.h"

#define CHAINS 12 /* independent sums: more than latency times units */
#define STEPS 200000
#define RUNS 200

/* Sums in registers of `bytes` bytes; the asm statement keeps the compiler from computing them
 * beforehand. Defines function name, compiled for an instruction set. */
#define FMA_LOOP(name, isa, bytes)                                                                 \
    typedef float name##_vec __attribute__((vector_size(bytes)));                                  \
    isa static int name(void)                                                                      \
    {                                                                                              \
        name##_vec sum[CHAINS] = { 0 }, x = { 0 }, y = { 0 };                                      \
        __asm__ volatile("" : "+x"(x), "+x"(y));                                                   \
        for (int64_t i = 0; i < STEPS; i++) {                                                      \
            _Pragma("GCC unroll 12") for (int j = 0; j < CHAINS; j++)                              \
            {                                                                                      \
                sum[j] = sum[j] * x + y;                                                           \
                __asm__ volatile("" : "+x"(sum[j]));                                               \
            }                                                                                      \
        }                                                                                          \
        return (bytes) / 4;                                                                        \
    }

FMA_LOOP(fma_16, , 16)
#ifdef __x86_64__
FMA_LOOP(fma_32, __attribute__((target("avx2,fma"))), 32)
FMA_LOOP(fma_64, __attribute__((target("avx512f"))), 64)
#endif

/* Runs the loop; returns its lanes. */
static int fma_loop(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return fma_64();
    if (__builtin_cpu_supports("fma"))
        return fma_32();
#endif
    return fma_16();
}

/* Every thread's best run counts: others may be using the machine. */
double peak_gflops(int threads)
{
    double sum = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    for (int i = 0, best = 0; i < RUNS; i++) {
        int64_t start = clock_ns();
        int lanes = fma_loop();
        int speed = (int)(2000.0 * lanes * CHAINS * STEPS / (double)(clock_ns() - start));
        sum += speed > best ? (speed - best) / 1000.0 : 0;
        best = speed > best ? speed : best;
    }
    return sum;
}
