/*
 * Loops over all elements of a tensor: a block at a time, cut by the number of elements alone.
 */
#ifndef KERNELS_CPU_MAP_H
#define KERNELS_CPU_MAP_H

#include "kernels/cpu/par.h"

#define MAP_BLOCK 4096 /* elements that a thread takes at a time */
/* With fewer simple operations than this, waking other threads costs more than they save. */
#define MAP_ALONE 32768

static inline int map_threads(const struct cpu *c, int64_t work)
{
    return work < MAP_ALONE ? 1 : c->threads;
}

#endif
