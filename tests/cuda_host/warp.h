/*
 * Barriers, and what the lanes of a warp do together: shuffles, votes, reductions. Lanes that should
 * meet and do not, a mask that is not everybody's, and a value asked of a lane that is not there
 * are faults, with the line where they happened.
 */
#ifndef CUDA_HOST_WARP_H
#define CUDA_HOST_WARP_H

#include "tests/cuda_host/grid.h"

/* Declares the caller's place: each call says where it stands in the source. */
#define CUDA_HOST_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

/* ---- barriers ---- */

static inline void __syncthreads(CUDA_HOST_HERE)
{
    cuda_host::barrier({ "__syncthreads", file, line }, cuda_host::BARRIER_PLAIN, 0);
}

static inline int __syncthreads_count(int x, CUDA_HOST_HERE)
{
    return cuda_host::barrier({ "__syncthreads_count", file, line }, cuda_host::BARRIER_COUNT, x);
}

static inline int __syncthreads_and(int x, CUDA_HOST_HERE)
{
    return cuda_host::barrier({ "__syncthreads_and", file, line }, cuda_host::BARRIER_AND, x);
}

static inline int __syncthreads_or(int x, CUDA_HOST_HERE)
{
    return cuda_host::barrier({ "__syncthreads_or", file, line }, cuda_host::BARRIER_OR, x);
}

/* Blocks run one after the other, and what a thread writes the others see. */
static inline void __threadfence()
{
}

static inline void __threadfence_block()
{
}

namespace cuda_host {

/* ---- the lanes' data while they are together ---- */

template <typename T> struct lane_value {
    T value;
    unsigned from; /* the lane whose value it wants */
    T result;
};

template <typename T> void exchange(void *const *lanes)
{
    for (unsigned i = 0; i < WARP; i++) {
        lane_value<T> *mine = (lane_value<T> *)lanes[i];
        if (!mine)
            continue;
        const lane_value<T> *other = (const lane_value<T> *)lanes[mine->from];
        if (!other)
            fail("lane %u asks for the value of lane %u, which does not take part", i, mine->from);
        mine->result = other->value;
    }
}

/* Everybody's result is op over everybody's value, in the order of lanes. */
template <typename T, typename Op> void reduce(void *const *lanes)
{
    bool first = true;
    T sum = T();
    for (unsigned i = 0; i < WARP; i++) {
        const lane_value<T> *l = (const lane_value<T> *)lanes[i];
        if (l)
            sum = first ? l->value : Op()(sum, l->value);
        first = first && !l;
    }
    for (unsigned i = 0; i < WARP; i++)
        if (lanes[i])
            ((lane_value<T> *)lanes[i])->result = sum;
}

/* A bit for each lane that is there with a value. */
static inline void ballot(void *const *lanes)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < WARP; i++)
        if (lanes[i] && ((lane_value<unsigned> *)lanes[i])->value)
            bits |= 1u << i;
    for (unsigned i = 0; i < WARP; i++)
        if (lanes[i])
            ((lane_value<unsigned> *)lanes[i])->result = bits;
}

template <typename T>
T together(const place &here, unsigned mask, T value, unsigned from,
           void (*finish)(void *const *lanes))
{
    lane_value<T> mine = { value, from, value };
    warp_together({ here, mask, &mine, finish });
    return mine.result;
}

struct add_op {
    template <typename T> T operator()(T a, T b) const
    {
        return a + b;
    }
};

struct min_op {
    template <typename T> T operator()(T a, T b) const
    {
        return b < a ? b : a;
    }
};

struct max_op {
    template <typename T> T operator()(T a, T b) const
    {
        return a < b ? b : a;
    }
};

struct and_op {
    unsigned operator()(unsigned a, unsigned b) const
    {
        return a & b;
    }
};

struct or_op {
    unsigned operator()(unsigned a, unsigned b) const
    {
        return a | b;
    }
};

}

static inline void __syncwarp(unsigned mask = 0xffffffff, CUDA_HOST_HERE)
{
    cuda_host::together<unsigned>({ "__syncwarp", file, line }, mask, 0, 0, cuda_host::ballot);
}

/* ---- shuffles: within groups of `width` lanes; beyond a group's end a lane keeps its value ---- */

template <typename T>
T __shfl_sync(unsigned mask, T x, int lane, int width = 32, CUDA_HOST_HERE)
{
    unsigned w = (unsigned)width, group = cuda_host::lane_id() & ~(w - 1);
    return cuda_host::together({ "__shfl_sync", file, line }, mask, x,
                               group + ((unsigned)lane & (w - 1)), cuda_host::exchange<T>);
}

template <typename T>
T __shfl_up_sync(unsigned mask, T x, unsigned by, int width = 32, CUDA_HOST_HERE)
{
    unsigned me = cuda_host::lane_id(), within = me & ((unsigned)width - 1);
    return cuda_host::together({ "__shfl_up_sync", file, line }, mask, x,
                               within < by ? me : me - by, cuda_host::exchange<T>);
}

template <typename T>
T __shfl_down_sync(unsigned mask, T x, unsigned by, int width = 32, CUDA_HOST_HERE)
{
    unsigned w = (unsigned)width, me = cuda_host::lane_id(), within = me & (w - 1);
    return cuda_host::together({ "__shfl_down_sync", file, line }, mask, x,
                               within + by < w ? me + by : me, cuda_host::exchange<T>);
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T x, int bits, int width = 32, CUDA_HOST_HERE)
{
    unsigned w = (unsigned)width, me = cuda_host::lane_id(), other = me ^ (unsigned)bits;
    bool later_group = (other & ~(w - 1)) > (me & ~(w - 1));
    return cuda_host::together({ "__shfl_xor_sync", file, line }, mask, x,
                               later_group ? me : other, cuda_host::exchange<T>);
}

/* ---- votes ---- */

static inline unsigned __ballot_sync(unsigned mask, int x, CUDA_HOST_HERE)
{
    return cuda_host::together<unsigned>({ "__ballot_sync", file, line }, mask, x != 0, 0,
                                         cuda_host::ballot);
}

static inline int __any_sync(unsigned mask, int x, CUDA_HOST_HERE)
{
    return cuda_host::together<unsigned>({ "__any_sync", file, line }, mask, x != 0, 0,
                                         cuda_host::reduce<unsigned, cuda_host::or_op>) != 0;
}

static inline int __all_sync(unsigned mask, int x, CUDA_HOST_HERE)
{
    return cuda_host::together<unsigned>({ "__all_sync", file, line }, mask, x != 0, 0,
                                         cuda_host::reduce<unsigned, cuda_host::and_op>) != 0;
}

/* ---- reductions of 32-bit whole numbers ---- */

#define CUDA_HOST_REDUCE(name, type, op)                                                           \
    static inline type name(unsigned mask, type x, CUDA_HOST_HERE)                                 \
    {                                                                                              \
        return cuda_host::together<type>({ #name, file, line }, mask, x, 0,                        \
                                         cuda_host::reduce<type, cuda_host::op>);                  \
    }

CUDA_HOST_REDUCE(__reduce_add_sync, int, add_op)
CUDA_HOST_REDUCE(__reduce_add_sync, unsigned, add_op)
CUDA_HOST_REDUCE(__reduce_min_sync, int, min_op)
CUDA_HOST_REDUCE(__reduce_min_sync, unsigned, min_op)
CUDA_HOST_REDUCE(__reduce_max_sync, int, max_op)
CUDA_HOST_REDUCE(__reduce_max_sync, unsigned, max_op)
CUDA_HOST_REDUCE(__reduce_and_sync, unsigned, and_op)
CUDA_HOST_REDUCE(__reduce_or_sync, unsigned, or_op)

#endif
