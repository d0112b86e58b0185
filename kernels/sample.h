/*
 * Logits -> tokens on the device. Order of operations (HFAiLab clip-gen sample(), model.md
 * section 4.12): guidance u + s (c - u), temperature, top-k, then top-p on the renormalised rest
 * keeping tokens while the exclusive cumulative probability is <= p (ties at the k-th place all
 * stay), softmax, draw with rng_uniform_at(seed, stream 0, position).
 */
#ifndef KERNELS_SAMPLE_H
#define KERNELS_SAMPLE_H

#include "kernels/pass.h"
#include "kernels/tensor.h"

/* One row a sequence, N of them. All are device tensors. */
struct sample_rows {
    const struct tensor *logits;     /* F32 [R, V], R >= N */
    const struct tensor *cond_row;   /* I32 [N]: row of logits with the condition */
    const struct tensor *uncond_row; /* I32 [N]: row without it, or -1: no guidance */
    const struct tensor *guidance;   /* F32 [N]: s */
    const struct tensor
        *temperature;           /* F32 [N]; 0: the largest logit (lowest index on a tie), no draw */
    const struct tensor *top_k; /* I32 [N]; 0: all */
    const struct tensor *top_p; /* F32 [N]; 1: all */
    const struct tensor *seed;  /* I32 [N, 2]: low and high word of the 64-bit seed */
    const struct tensor *position; /* I32 [N]: the counter of the random number */
};

/* -> I32 [N] tokens; -1 for a row whose logits hold a NaN (op_embedding makes NaN of it, too). */
struct tensor *sample_draw(struct pass *p, const struct sample_rows *rows);
/* -> F32 [N, V]: the filtered probabilities that sample_draw draws from (temperature > 0). */
struct tensor *sample_probs(struct pass *p, const struct sample_rows *rows);

#endif
