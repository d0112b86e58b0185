/*
 * Another arena.c for test_bounds: between any two tensors lies a strip that nobody may touch.
 */
#ifndef TESTS_KERNELS_GUARD_ARENA_H
#define TESTS_KERNELS_GUARD_ARENA_H

#include "kernels/arena.h"

#define GUARD_BYTE 0xff
#define GUARD_STRIP 512

/* Whether every byte of the block that belongs to no tensor still is GUARD_BYTE, as the test left
 * it before the run; else where it is not. */
bool guard_intact(const struct arena *a, char *where, size_t n);

#endif
