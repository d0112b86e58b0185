#include "server/access.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "server/route.h"

#define LINE_BYTES_MAX 4096

/* What both formats tell. */
struct access {
    const char *id, *client, *method, *path, *model, *trace; /* "-": there is none */
    int status, images;
    double queue, encode, decode, pixels, png, total; /* milliseconds */
};

static double ms(int64_t ns)
{
    return (double)(ns / 1000) / 1e3;
}

static const char *or_dash(const char *s)
{
    return s && *s ? s : "-";
}

static struct access look_at(const struct exchange *x, int status)
{
    static const struct job_times NONE = { 0 };
    bool over = x->job && job_over(x->job);
    const struct job_times *t = over ? &x->job->times : &NONE;

    return (struct access){
        .id = x->id,
        .client = or_dash(x->client),
        .method = or_dash(x->method),
        .path = or_dash(x->path),
        .model = or_dash(x->job ? x->job->info.model : NULL),
        .trace = or_dash(x->traceparent),
        .status = status,
        .images = over && status == 200 ? x->job->n_pictures : 0,
        .queue = ms(t->queue),
        .encode = ms(t->encode),
        .decode = ms(t->decode),
        .pixels = ms(t->pixels),
        .png = ms(x->encode_ns),
        .total = ms(clock_ns() - x->arrived_ns),
    };
}

static void log_text(const struct access *a, enum log_level level)
{
    void (*say)(const char *fmt, ...) = level == LOG_LEVEL_DEBUG ? log_debug : log_info;

    say("access: id=%s client=%s method=%s path=%.100s status=%d model=%s images=%d queue=%.1f "
        "encode=%.1f decode=%.1f pixels=%.1f png=%.1f total=%.1f trace=%s",
        a->id, a->client, a->method, a->path, a->status, a->model, a->images, a->queue, a->encode,
        a->decode, a->pixels, a->png, a->total, a->trace);
}

static void print_time(char text[32])
{
    struct timespec now;
    struct tm utc;
    size_t n;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    n = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + n, 32 - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* Only ASCII of what a client has sent, and not too much of it. */
static json_t *path_json(const char *path)
{
    char plain[101];
    size_t n = 0;

    for (; path[n] && n < sizeof plain - 1; n++)
        plain[n] = (unsigned char)path[n] < 0x80 ? path[n] : '?';
    plain[n] = 0;
    return json_string(plain);
}

static json_t *access_json(const struct access *a)
{
    char time[32];

    print_time(time);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:i,s:s,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:s}", "time",
                     time, "kind", "access", "id", a->id, "client", a->client, "method", a->method,
                     "path", path_json(a->path), "status", a->status, "model", a->model, "images",
                     a->images, "queue", a->queue, "encode", a->encode, "decode", a->decode,
                     "pixels", a->pixels, "png", a->png, "total", a->total, "trace", a->trace);
}

static void log_json(const struct access *a, enum log_level level)
{
    json_t *o = access_json(a);
    struct buf line;

    buf_init(&line, LINE_BYTES_MAX);
    json_append(o, JSON_COMPACT | JSON_REAL_PRECISION(9), &line);
    if (!line.failed)
        log_as_it_is(level, line.data);
    buf_release(&line);
    json_decref(o);
}

void access_log(const struct exchange *x, int status, enum access_format format)
{
    enum log_level level = x->route && x->route->probe ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
    struct access a;

    if (format == ACCESS_OFF)
        return;
    a = look_at(x, status);
    (format == ACCESS_JSON ? log_json : log_text)(&a, level);
}
