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

/* NULL is fine. */
void mem_free(void *p);

/* A copy of s (or of the first n bytes of s, terminated); NULL when memory is out. */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);

/* Tests only: the n-th allocation from now (1 = next) fails, and every later one too; 0 = never. */
void mem_fail_after(long n);

#endif
