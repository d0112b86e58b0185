/*
 * Host memory. The only file that calls malloc; every allocation may fail and says so.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* n elements of size bytes, zeroed, aligned to 64 bytes. NULL when n * size overflows or memory is
 * out. n = 0 gives a pointer that may be freed. */
void *mem_alloc(size_t n, size_t size);

/* Grows or shrinks to n elements; new bytes are not zeroed, and the alignment is no more than
 * malloc's. p NULL allocates. NULL: the old block is still valid. */
void *mem_resize(void *p, size_t n, size_t size);

/*
 * Room for one more in an array of n elements that grows: p itself while n < *cap, else a block of
 * twice *cap. p NULL and *cap 0 begin. NULL: memory is out or the size overflows; p and *cap are
 * still valid.
 *
 *     struct item *item = mem_grow(l->item, l->n, &l->cap, sizeof *item);
 *     if (!item)
 *         return err_set(e, ERR_NOMEM, ...);
 *     l->item = item;
 *     l->item[l->n++] = ...;
 */
void *mem_grow(void *p, size_t n, size_t *cap, size_t size);

/* NULL is fine. */
void mem_free(void *p);

/* A copy of s (or of the first n bytes of s, terminated); NULL when memory is out. */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);

/* Tests only: the n-th allocation from now (1 = next) fails, and every later one too; 0 = never. */
void mem_fail_after(long n);
/* The n-th alone. */
void mem_fail_once(long n);
/* Whether one has failed since the last of these calls. */
int mem_has_failed(void);

#endif
