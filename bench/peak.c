#include "bench/peak.h"

#include <stdint.h>

#include "base/clock.h"

#define CHAINS 10 /* independent sums: more than latency times units */
#define STEPS 20000000

/* Sums in registers of `bytes` bytes; the asm statement keeps the compiler from computing them
 * beforehand. Defines function name, compiled for an instruction set. */
#define FMA_LOOP(name, isa, bytes)                                                                 \
    typedef float name##_vec __attribute__((vector_size(bytes)));                                  \
    isa static int name(void)                                                                      \
    {                                                                                              \
        name##_vec sum[CHAINS] = { 0 }, x = { 0 }, y = { 0 };                                      \
        __asm__ volatile("" : "+x"(x), "+x"(y));                                                   \
        for (int64_t i = 0; i < STEPS; i++) {                                                      \
            _Pragma("GCC unroll 10") for (int j = 0; j < CHAINS; j++)                              \
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

double peak_gflops(int threads)
{
    int64_t start = clock_ns();
    int lanes = 0;
#pragma omp parallel num_threads(threads) reduction(max : lanes)
    lanes = fma_loop();
    return 2.0 * lanes * CHAINS * STEPS * threads / (double)(clock_ns() - start);
}
