/*
 * Random numbers as a function of (seed, stream, index): no state, any order, any thread, any
 * device. Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011):
 * key = seed, counter = (index, stream). The CUDA kernels include this header, so it is plain C and
 * C++.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t seed, stream, index; /* for callers that want a sequence; index is the next number */
};

/* 4 x 32 random bits of block `index`. */
void rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t ret[4]);
/* The index-th number of the stream: 32 bits; uniform in [0, 1) with 24 bits; standard normal
 * (Box-Muller). */
uint32_t rng_u32_at(uint64_t seed, uint64_t stream, uint64_t index);
float rng_uniform_at(uint64_t seed, uint64_t stream, uint64_t index);
float rng_normal_at(uint64_t seed, uint64_t stream, uint64_t index);

/* The same as a sequence. */
uint32_t rng_u32(struct rng *r);
float rng_uniform(struct rng *r);
float rng_normal(struct rng *r);
/* Uniform whole number in [0, n), without bias; n >= 1. */
uint32_t rng_below(struct rng *r, uint32_t n);

/* A seed from the system, for requests that give none. */
uint64_t rng_seed_from_system(void);

#endif
