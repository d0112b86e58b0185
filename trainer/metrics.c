#include "trainer/metrics.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"

#define LOG_MAX ((size_t)1 << 30)

void metrics_set(struct metrics *m, const char *name, double value)
{
    int i = 0;
    while (i < m->n && strcmp(m->item[i].name, name))
        i++;
    if (i == METRICS_MAX)
        return;
    m->item[i].name = name;
    m->item[i].value = value;
    m->n = i == m->n ? i + 1 : m->n;
}

double metrics_get(const struct metrics *m, const char *name)
{
    for (int i = 0; i < m->n; i++)
        if (!strcmp(m->item[i].name, name))
            return m->item[i].value;
    return (double)NAN;
}

const char *metrics_not_finite(const struct metrics *m)
{
    for (int i = 0; i < m->n; i++)
        if (!isfinite(m->item[i].value))
            return m->item[i].name;
    return NULL;
}

/* Bytes of the complete lines whose step is below the limit; lines are in order of steps. */
static size_t kept_bytes(const struct buf *text, long long keep_below)
{
    size_t at = 0;
    while (at < text->len) {
        const char *line = text->data + at;
        const char *end = memchr(line, '\n', text->len - at);
        long long step;
        if (!end || sscanf(line, "{\"step\":%lld", &step) != 1 || step >= keep_below)
            break;
        at = (size_t)(end - text->data) + 1;
    }
    return at;
}

static int cut(const char *path, long long keep_below, struct err *e)
{
    struct buf text;
    buf_init(&text, LOG_MAX);
    int failed =
        file_exists(path) && (file_read(path, LOG_MAX, &text, e) ||
                              file_write(path, text.data, kept_bytes(&text, keep_below), e));
    buf_release(&text);
    return failed ? -1 : 0;
}

int metrics_log_open(struct metrics_log *log, const char *path, long long keep_below, struct err *e)
{
    if (cut(path, keep_below, e))
        return -1;
    log->file = fopen(path, "a");
    if (!log->file)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    return 0;
}

int metrics_log_write(struct metrics_log *log, long long step, const struct metrics *m,
                      struct err *e)
{
    fprintf(log->file, "{\"step\":%lld", step);
    for (int i = 0; i < m->n; i++)
        fprintf(log->file, ",\"%s\":%.6g", m->item[i].name, m->item[i].value);
    fputs("}\n", log->file);
    if (fflush(log->file))
        return err_set(e, ERR_IO, "metrics: %s", strerror(errno));
    return 0;
}

void metrics_log_close(struct metrics_log *log)
{
    if (log->file)
        fclose(log->file);
    log->file = NULL;
}
