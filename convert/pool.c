#include "convert/pool.h"

#include <stdalign.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#define CHUNK ((size_t)64 << 10)
#define ALIGN alignof(max_align_t)
#define FIRST_ITEMS 4

struct pool_chunk {
    struct pool_chunk *next;
    size_t used, cap;
    alignas(max_align_t) char data[];
};

void pool_init(struct pool *p, size_t max)
{
    *p = (struct pool){ .max = max };
}

void pool_release(struct pool *p)
{
    while (p->chunks) {
        struct pool_chunk *next = p->chunks->next;
        mem_free(p->chunks);
        p->chunks = next;
    }
    p->used = 0;
}

static struct pool_chunk *add_chunk(struct pool *p, size_t bytes)
{
    size_t cap = bytes > CHUNK ? bytes : CHUNK;
    struct pool_chunk *c;

    if (cap > p->max - p->used)
        return NULL;
    c = mem_alloc(1, sizeof *c + cap);
    if (!c)
        return NULL;
    c->cap = cap;
    c->next = p->chunks;
    p->chunks = c;
    p->used += cap;
    return c;
}

void *pool_alloc(struct pool *p, size_t n, size_t size)
{
    struct pool_chunk *c = p->chunks;
    size_t bytes;
    char *at;

    if (!num_mul(n, size, &bytes) || !num_add(bytes, ALIGN - 1, &bytes))
        return NULL;
    bytes -= bytes % ALIGN;
    if (!c || bytes > c->cap - c->used)
        c = add_chunk(p, bytes);
    if (!c)
        return NULL;
    at = c->data + c->used;
    c->used += bytes;
    return at;
}

void *pool_grow(struct pool *p, void *items, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap ? 2 * *cap : FIRST_ITEMS;
    void *copy;

    if (n < *cap)
        return items;
    copy = pool_alloc(p, more, size);
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, items, n * size);
    *cap = more;
    return copy;
}
