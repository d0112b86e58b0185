#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/printable.h"

enum { LINE_MAX_BYTES = 2048 };

static const struct {
    const char *name;
    int syslog; /* priority in a journal prefix */
} LEVELS[] = {
    [LOG_LEVEL_ERROR] = { "error", 3 },
    [LOG_LEVEL_WARN] = { "warn", 4 },
    [LOG_LEVEL_INFO] = { "info", 6 },
    [LOG_LEVEL_DEBUG] = { "debug", 7 },
};

static _Atomic int level_max = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    level_max = (int)level;
}

enum log_level log_level(void)
{
    return (enum log_level)level_max;
}

const char *log_level_name(enum log_level level)
{
    return LEVELS[level].name;
}

/* A journal wants the priority in front; nothing else is wanted there. */
static size_t write_priority(enum log_level level, char *line, size_t size)
{
    return getenv("JOURNAL_STREAM") ? (size_t)snprintf(line, size, "<%d>", LEVELS[level].syslog)
                                    : 0;
}

/* The journal stamps lines itself; a person wants to see the time. */
static size_t write_prefix(enum log_level level, char *line, size_t size)
{
    struct timespec now;
    struct tm utc;
    size_t n = write_priority(level, line, size);

    if (n)
        return n;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return n + (size_t)snprintf(line + n, size - n, ".%03ldZ %s ", now.tv_nsec / 1000000,
                                LEVELS[level].name);
}

/* line: n bytes of prefix, and text behind them that leaves a byte free. */
static void write_line(char *line, size_t n)
{
    printable_mask(line + n); /* bytes from outside may stand in a message */
    n += strlen(line + n);
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0)
        return; /* nobody is left to tell */
}

static void log_line(enum log_level level, const char *fmt, va_list args)
{
    char line[LINE_MAX_BYTES];
    size_t n;

    if ((int)level > level_max)
        return;
    n = write_prefix(level, line, sizeof line);
    vsnprintf(line + n, sizeof line - n - 1, fmt, args);
    write_line(line, n);
}

void log_as_it_is(enum log_level level, const char *text)
{
    char line[LINE_MAX_BYTES];
    size_t n;

    if ((int)level > level_max)
        return;
    n = write_priority(level, line, sizeof line);
    snprintf(line + n, sizeof line - n - 1, "%s", text);
    write_line(line, n);
}

#define DEFINE_LOG(function, level)                                                                \
    void function(const char *fmt, ...)                                                            \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, fmt);                                                                       \
        log_line(level, fmt, args);                                                                \
        va_end(args);                                                                              \
    }

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warn, LOG_LEVEL_WARN)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)
