#include "clients/spinner.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

void spinner_start(struct spinner *s, const char *what)
{
    *s = (struct spinner){ .what = what, .begin_ns = clock_ns(), .on = isatty(STDERR_FILENO) };
}

void spinner_turn(void *spinner)
{
    struct spinner *s = spinner;

    if (!s->on)
        return;
    fprintf(stderr, "\r%c %s  %.1f s ", "|/-\\"[s->turns++ % 4], s -> what,
            (double)(clock_ns() - s->begin_ns) / 1e9);
    fflush(stderr);
}

void spinner_stop(struct spinner *s)
{
    if (s->on && s->turns)
        fputs("\r\033[K", stderr);
}
