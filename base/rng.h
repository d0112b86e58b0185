/*
 * Random numbers as a function of (seed, stream, index): no state, any order, any thread, any
 * device. Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011):
 * key = seed, counter = (index, stream). The CUDA kernels include this header, so it is plain C and
 * C++.
 *
 * Every number takes a block of its own, so a sequence may mix kinds and no bit is used twice. Who
 * needs many of one kind takes all four words of rng_block.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <math.h>
#include <stdint.h>

#ifdef __CUDACC__
#define RNG_FN static __host__ __device__ inline
#else
#define RNG_FN static inline
#endif

struct rng {
    uint64_t seed, stream, index; /* for callers that want a sequence; index is the next number */
};

/* 4 x 32 random bits of block `index`. */
RNG_FN void rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t ret[4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);

    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u; /* golden ratio, sqrt(3) - 1: the paper's Weyl sequence */
        k1 += 0xBB67AE85u;
    }
    ret[0] = c0;
    ret[1] = c1;
    ret[2] = c2;
    ret[3] = c3;
}

/* Bits to a number in [0, 1) with 24 bits; two words to a standard normal (Box-Muller, within 5.8).
 */
RNG_FN float rng_uniform_of(uint32_t bits)
{
    return (float)(bits >> 8) * (1.0f / 16777216.0f);
}

RNG_FN float rng_normal_of(uint32_t a, uint32_t b)
{
    float radius = sqrtf(-2.0f * logf(1.0f - rng_uniform_of(a))); /* 1 - u: never the log of 0 */

    return radius * cosf(6.283185307179586f * rng_uniform_of(b));
}

/* The index-th number of the stream: 32 bits; uniform in [0, 1); standard normal. */
RNG_FN uint32_t rng_u32_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t block[4];

    rng_block(seed, stream, index, block);
    return block[0];
}

RNG_FN float rng_uniform_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    return rng_uniform_of(rng_u32_at(seed, stream, index));
}

RNG_FN float rng_normal_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t block[4];

    rng_block(seed, stream, index, block);
    return rng_normal_of(block[0], block[1]);
}

/* The same as a sequence. */
uint32_t rng_u32(struct rng *r);
float rng_uniform(struct rng *r);
/* Uniform whole number in [0, n), without bias; n >= 1. */
uint32_t rng_below(struct rng *r, uint32_t n);

/* A seed from the system, for requests that give none. */
uint64_t rng_seed_from_system(void);

#endif
