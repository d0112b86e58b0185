#include "base/line.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define TERMINAL_NS 200000000LL
#define PLAIN_NS 30000000000LL

void line_start(struct line *l, int64_t now)
{
    *l = (struct line){ .terminal = isatty(STDERR_FILENO), .shown_ns = now };
}

bool line_due(struct line *l, int64_t now)
{
    if (now - l->shown_ns < (l->terminal ? TERMINAL_NS : PLAIN_NS))
        return false;
    l->shown_ns = now;
    return true;
}

void line_show(const struct line *l, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs(l->terminal ? "\r" : "", stderr);
    vfprintf(stderr, fmt, args);
    fputs(l->terminal ? "\033[K" : "\n", stderr);
    va_end(args);
}

void line_end(const struct line *l)
{
    if (l->terminal)
        fputc('\n', stderr);
}
