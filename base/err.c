#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    char msg[sizeof e->msg]; /* formatted apart: the arguments may point into e */
    va_list args;

    if (!e)
        return -1;
    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    printable_mask(msg);
    e->code = code;
    memcpy(e->msg, msg, sizeof msg);
    return -1;
}

int err_errno(struct err *e, const char *what)
{
    int code = errno;

    if (code == ENOENT || code == ENOTDIR)
        return err_set(e, ERR_NOT_FOUND, "%s: %s", what, strerror(code));
    return err_set(e, code == ENOMEM ? ERR_NOMEM : ERR_IO, "%s: %s", what, strerror(code));
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    char msg[sizeof e->msg];
    va_list args;
    size_t len;

    if (!e)
        return -1;
    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    printable_mask(msg);
    len = strlen(msg);
    snprintf(msg + len, sizeof msg - len, "%s", e->msg);
    memcpy(e->msg, msg, sizeof msg);
    return -1;
}
