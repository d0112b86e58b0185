/*
 * Hash table from a pair of token ids to a number: the rank of a merge, the frequency of a pair.
 */
#ifndef MODEL_PAIR_MAP_H
#define MODEL_PAIR_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pair {
    int32_t left, right;
    int64_t value;
};

struct pair_map {
    struct pair *slot; /* left < 0: empty */
    size_t n, cap;     /* cap: a power of two */
};

int pair_map_init(struct pair_map *m, size_t expected, struct err *e);
void pair_map_release(struct pair_map *m);
/* NULL if the pair is not there. */
const struct pair *pair_map_find(const struct pair_map *m, int32_t left, int32_t right);
/* The pair's slot, added with value 0 if it was not there; valid until the next call. NULL: no
 * memory. */
struct pair *pair_map_at(struct pair_map *m, int32_t left, int32_t right, struct err *e);

#endif
