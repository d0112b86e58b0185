/*
 * Growable bytes with a sticky failure: append freely, ask once.
 *
 *     struct buf b;
 *     buf_init(&b, 1 << 20);
 *     buf_printf(&b, "P6 %d %d\n", w, h);
 *     buf_append(&b, pixels, n);
 *     if (buf_check(&b, e)) ...
 *     buf_release(&b);
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct buf {
    char *data; /* owned; always followed by a NUL that len does not count (NULL while empty) */
    size_t len, cap, max;
    bool failed;    /* out of memory or over max; later appends do nothing */
    bool too_large; /* failed because of max */
};

/* max: most bytes it may ever hold. */
void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
/* Empty again, memory kept, failure forgotten. */
void buf_clear(struct buf *b);

void buf_append(struct buf *b, const void *data, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes, uninitialised, already counted in len; NULL on failure. */
void *buf_grow(struct buf *b, size_t n);

/* 0, or -1 with NOMEM or TOO_LARGE when any append failed. */
int buf_check(const struct buf *b, struct err *e);
/* Gives the bytes to the caller (mem_free), leaves b empty. NULL when nothing was ever appended. */
char *buf_take(struct buf *b, size_t *ret_len);

#endif
