/*
 * What the files of the CPU backend share. All of kernels/cpu/ is compiled once per instruction set
 * (CPU_ISA: base, avx2, avx512), so every symbol that is not static is named through CPU().
 *
 * Rules: parallel loops (`#pragma omp parallel for num_threads(c->threads)`) split work at places
 * that do not depend on the number of threads, and sums run in a fixed order, so that results are
 * the same bytes for any thread count. Memory a kernel needs beyond its operands is cpu_scratch(),
 * a fixed piece per thread, and cpu_shared(), one piece for all; both are taken at open.
 */
#ifndef KERNELS_CPU_CPU_H
#define KERNELS_CPU_CPU_H

#include "kernels/backend.h"

#define CPU_NAME_2(name, isa) cpu_##name##_##isa
#define CPU_NAME_1(name, isa) CPU_NAME_2(name, isa)
#define CPU(name) CPU_NAME_1(name, CPU_ISA)

/*
 * Products of packed matrices of whole numbers are compiled once more for machines that have dot
 * products of bytes: CPU_DOT_ISA (avxvnni, avx512vnni) then names what is compiled, CPU_ISA what it
 * builds on.
 */
#ifndef CPU_DOT_ISA
#define CPU_DOT_ISA CPU_ISA
#endif
#define CPU_DOT(name) CPU_NAME_1(name, CPU_DOT_ISA)

/* Declares the function for an entry of the table, with the table's own signature. */
#define CPU_ENTRY(name) __typeof__(*((struct backend *)0)->name) CPU(name)
#define CPU_DOT_ENTRY(name) __typeof__(*((struct backend *)0)->name) CPU_DOT(name)

#define CPU_THREADS_MAX 256
#define CPU_SCRATCH_BYTES ((size_t)4 << 20)
#define CPU_SHARED_BYTES ((size_t)24 << 20)

struct cpu {
    int threads;
    unsigned char
        *scratch[CPU_THREADS_MAX]; /* CPU_SCRATCH_BYTES each, one per thread, 64-byte aligned */
    unsigned char *shared;         /* CPU_SHARED_BYTES for all threads of a kernel together */
};

/* The table of this instruction set. */
extern const struct backend CPU_DOT(backend);

CPU_DOT_ENTRY(linear_packed);
CPU_ENTRY(gemm);
CPU_ENTRY(packed_bytes);
CPU_ENTRY(pack_wait);
CPU_ENTRY(bias_bwd);
CPU_ENTRY(attention);
CPU_ENTRY(attention_bwd);
CPU_ENTRY(attention_cached);
CPU_ENTRY(conv);
CPU_ENTRY(conv_add);
CPU_ENTRY(conv_bwd_data);
CPU_ENTRY(conv_bwd_weight);
CPU_ENTRY(resize);
CPU_ENTRY(resize_bwd);
CPU_ENTRY(pixels_in);
CPU_ENTRY(pixels_out);
CPU_ENTRY(layernorm);
CPU_ENTRY(layernorm_bwd);
CPU_ENTRY(groupnorm);
CPU_ENTRY(groupnorm_bwd);
CPU_ENTRY(batchnorm);
CPU_ENTRY(batchnorm_bwd);
CPU_ENTRY(l2norm);
CPU_ENTRY(l2norm_bwd);
CPU_ENTRY(softmax);
CPU_ENTRY(softmax_bwd);
CPU_ENTRY(act);
CPU_ENTRY(act_bwd);
CPU_ENTRY(dropout);
CPU_ENTRY(add_noise);
CPU_ENTRY(add);
CPU_ENTRY(axpy);
CPU_ENTRY(sum_leading);
CPU_ENTRY(fill);
CPU_ENTRY(scale);
CPU_ENTRY(scale_exp);
CPU_ENTRY(scale_exp_bwd);
CPU_ENTRY(copy_2d);
CPU_ENTRY(permute);
CPU_ENTRY(replace_rows);
CPU_ENTRY(replace_rows_bwd);
CPU_ENTRY(embedding);
CPU_ENTRY(embedding_bwd);
CPU_ENTRY(nearest_code);
CPU_ENTRY(cross_entropy);
CPU_ENTRY(cross_entropy_bwd);
CPU_ENTRY(l1);
CPU_ENTRY(l1_bwd);
CPU_ENTRY(l2);
CPU_ENTRY(l2_bwd);
CPU_ENTRY(hinge);
CPU_ENTRY(hinge_bwd);
CPU_ENTRY(mean);
CPU_ENTRY(mean_bwd);
CPU_ENTRY(sample_draw);
CPU_ENTRY(sample_probs);
CPU_ENTRY(sum_squares);
CPU_ENTRY(norm_of_sum);
CPU_ENTRY(clip_factor);
CPU_ENTRY(adamw);
CPU_ENTRY(ema);

#endif
