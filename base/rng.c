#include "base/rng.h"

#include <sys/random.h>

#include "base/clock.h"

uint32_t rng_u32(struct rng *r)
{
    return rng_u32_at(r->seed, r->stream, r->index++);
}

float rng_uniform(struct rng *r)
{
    return rng_uniform_at(r->seed, r->stream, r->index++);
}

/* The high half of bits * n is the answer; the few low halves that would favour some answers are
 * drawn again. */
uint32_t rng_below(struct rng *r, uint32_t n)
{
    uint32_t unfair = (uint32_t)(-n) % n;
    uint64_t product;

    do
        product = (uint64_t)rng_u32(r) * n;
    while ((uint32_t)product < unfair);
    return (uint32_t)(product >> 32);
}

uint64_t rng_seed_from_system(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed)
        return seed;
    return (uint64_t)clock_ns() *
           0x9E3779B97F4A7C15u; /* kernels without getrandom: good enough for a picture */
}
