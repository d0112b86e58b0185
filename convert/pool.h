/*
 * Memory that is given back all at once, with a limit: what a pickle makes lives here.
 */
#ifndef CONVERT_POOL_H
#define CONVERT_POOL_H

#include <stddef.h>

struct pool_chunk;

struct pool {
    struct pool_chunk *chunks; /* the newest first */
    size_t used, max;          /* bytes, of all chunks */
};

void pool_init(struct pool *p, size_t max);
void pool_release(struct pool *p);
/* n elements of size bytes, zeroed, aligned for any object. NULL: over max, or memory is out. */
void *pool_alloc(struct pool *p, size_t n, size_t size);
/* An array of *cap elements with room for one more after n: items itself, or a copy twice as long.
 * NULL as pool_alloc. */
void *pool_grow(struct pool *p, void *items, size_t n, size_t *cap, size_t size);

#endif
