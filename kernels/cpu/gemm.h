/*
 * Products on the calling thread, for kernels that have their own loop over threads.
 */
#ifndef KERNELS_CPU_GEMM_H
#define KERNELS_CPU_GEMM_H

#include "kernels/cpu/cpu.h"

/* Tells the library to leave the threads to us. */
void CPU(gemm_open)(void);

/* C [m, n] = alpha op(A) op(B) + beta C, as struct backend_gemm but one matrix, no bias, no
 * activation. beta 0: C is not read. */
void CPU(sgemm)(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                int64_t ldc);

/* C [m, n] = alpha A B^T + beta C, bias, activation, with all threads; g->batch is ignored. Each
 * row's bits are the same whatever m is. */
void CPU(gemm_rows)(const struct cpu *cpu, const struct backend_gemm *g);

/* One large product (g->batch is ignored) with all threads. */
void CPU(gemm_tiles)(const struct cpu *c, const struct backend_gemm *g);

#endif
