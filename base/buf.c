#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

enum { CAP_MIN = 256 };

void buf_init(struct buf *b, size_t max)
{
    memset(b, 0, sizeof *b);
    b->max = max;
}

void buf_release(struct buf *b)
{
    mem_free(b->data);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = b->too_large = false;
    if (b->data)
        b->data[0] = '\0';
}

/* Memory for need bytes and the NUL; doubles, so that many small appends cost little. */
static bool reserve(struct buf *b, size_t need)
{
    size_t cap = b->cap < CAP_MIN ? CAP_MIN : b->cap;
    char *data;

    if (need < b->cap)
        return true;
    while (cap <= need)
        cap = cap > SIZE_MAX / 2 ? need + 1 : cap * 2;
    data = mem_resize(b->data, cap, 1);
    if (!data)
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

void *buf_grow(struct buf *b, size_t n)
{
    char *start;

    if (b->failed)
        return NULL;
    b->too_large = n > b->max - b->len || b->len + n == SIZE_MAX;
    b->failed = b->too_large || !reserve(b, b->len + n);
    if (b->failed)
        return NULL;
    start = b->data + b->len;
    b->len += n;
    b->data[b->len] = '\0';
    return start;
}

void buf_append(struct buf *b, const void *data, size_t n)
{
    void *to = buf_grow(b, n);

    if (to && n)
        memcpy(to, data, n);
}

void buf_puts(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    char *to;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    to = n < 0 ? NULL : buf_grow(b, (size_t)n);
    if (!to)
        return;
    va_start(args, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, args); /* the NUL has its place behind len */
    va_end(args);
}

int buf_check(const struct buf *b, struct err *e)
{
    if (b->too_large)
        return err_set(e, ERR_TOO_LARGE, "more than %zu bytes", b->max);
    if (b->failed)
        return err_set(e, ERR_NOMEM, "out of memory after %zu bytes", b->len);
    return 0;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    char *data = b->data;

    if (ret_len)
        *ret_len = b->len;
    buf_init(b, b->max);
    return data;
}
