#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { ALIGNMENT = 64 }; /* a cache line, and the widest vector register */
enum { FIRST_CAP = 64 }; /* elements of an array that begins to grow */

static atomic_long fail_in;  /* allocations left, counting the one that fails; 0: none ever fails */
static atomic_int last_left; /* where it stays: 1, so that every later one fails too, or 0 */
static atomic_int has_failed;

static void fail(long n, int once)
{
    atomic_store(&has_failed, 0);
    atomic_store(&last_left, !once);
    atomic_store(&fail_in, n);
}

void mem_fail_after(long n)
{
    fail(n, 0);
}

void mem_fail_once(long n)
{
    fail(n, 1);
}

int mem_has_failed(void)
{
    return atomic_load(&has_failed);
}

static int refuse(void)
{
    atomic_store(&has_failed, 1);
    return 0;
}

/* Counts one allocation; false: the test wants it to fail. */
static int may_allocate(void)
{
    long left = atomic_load_explicit(&fail_in, memory_order_relaxed);

    while (left > atomic_load_explicit(&last_left, memory_order_relaxed))
        if (atomic_compare_exchange_weak(&fail_in, &left, left - 1))
            return left > 1 || refuse();
    return left == 0 || refuse();
}

void *mem_alloc(size_t n, size_t size)
{
    size_t bytes;
    void *p;

    if (!num_mul(n, size, &bytes) || !may_allocate())
        return NULL;
    if (posix_memalign(&p, ALIGNMENT, bytes ? bytes : 1))
        return NULL;
    return memset(p, 0, bytes);
}

void *mem_resize(void *p, size_t n, size_t size)
{
    size_t bytes;

    if (!num_mul(n, size, &bytes) || !may_allocate())
        return NULL;
    return realloc(p, bytes ? bytes : 1);
}

void *mem_grow(void *p, size_t n, size_t *cap, size_t size)
{
    size_t twice = FIRST_CAP;
    void *grown;

    if (n < *cap)
        return p;
    if (*cap && !num_mul(*cap, 2, &twice))
        return NULL;
    grown = mem_resize(p, twice, size);
    if (grown)
        *cap = twice;
    return grown;
}

void mem_free(void *p)
{
    free(p);
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = mem_alloc(len + 1, 1);

    return copy ? memcpy(copy, s, len) : NULL;
}
