/*
 * How much work a network is, counted from its sizes as the textbook counts it: 2 m n k for a
 * product, whatever a kernel does to get there; causal attention needs half of its products. Norms,
 * activations and the optimiser are not counted: a limit that leaves them out is hard to reach.
 * tests/bench/test_work.c compares every count with what the ops themselves count.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "model/bundle.h"

struct work {
    double flops;
    double weight_bytes, cache_bytes; /* that have to be read at least; 0: not what limits it */
};

/* The same n times. */
struct work work_times(struct work w, int n);
/* All tokens of n sequences with the key/value cache: a step reads every matrix of the transformer
 * once (bits: a weight takes so many) and the keys and values before it (cache_size bytes each). */
struct work work_decode(const struct gpt_config *c, int n, double bits, int cache_size);
/* Choosing them: the logits are read. */
struct work work_sample(const struct gpt_config *c, int n);
/* One picture through the decoder, or the encoder. */
struct work work_vqgan_decode(const struct vqgan_config *c);
struct work work_vqgan_encode(const struct vqgan_config *c);
/* One prompt of full length; one picture. */
struct work work_clip_text(const struct clip_config *c);
struct work work_clip_image(const struct clip_config *c);
/* Forward and backward, which is two products for each one forward but where nothing wants the
 * gradient; pictures: of a batch. The VQGAN's: reconstruction and quantiser, no discriminator. */
struct work work_train_gpt(const struct gpt_config *c, int pictures);
struct work work_train_vqgan(const struct vqgan_config *c, int pictures);

#endif
