#include "server/http.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/http_check.h"
#include "server/http_impl.h"
#include "server/route.h"

void connection_coming(struct http *h, struct connection *c, bool coming)
{
    if (c->coming != coming)
        atomic_fetch_add(&h->coming, coming ? 1 : -1);
    c->coming = coming;
}

/* ---- receiving ---- */

static enum MHD_Result on_headers(struct exchange *x, const char *path, const char *method)
{
    x->stage = STAGE_BODY;
    x->path = path;
    x->method = method;
    http_take_id(x);
    http_take_trace(x);
    atomic_fetch_add(&x->http->busy, 1);
    if (http_check(x, &x->http->o)) {
        connection_coming(x->http, x->peer, false);
        return exchange_send(x, http_has_body(x)); /* before the body: it is not read */
    }
    exchange_deadline(x, x->http->o.body_ns);
    return MHD_YES;
}

/*
 * libmicrohttpd takes no answer in the middle of a body, so a chunked body over the limit is read
 * to its end first; one that is twice over the limit is not worth it.
 */
static enum MHD_Result on_body(struct exchange *x, const char *data, size_t *n)
{
    buf_append(&x->body, data, *n);
    if (x->body.failed)
        x->discarded += *n;
    *n = 0;
    return x->discarded > x->http->o.body_max ? MHD_NO : MHD_YES;
}

static void reply_to_lost_body(struct exchange *x)
{
    if (x->body.too_large)
        reply_error(&x->reply, 413, NULL, "body: over the limit of %zu bytes", x->http->o.body_max);
    else
        reply_error(&x->reply, 503, NULL, "body: out of memory");
}

static enum MHD_Result on_complete(struct exchange *x)
{
    exchange_deadline(x, 0);
    connection_coming(x->http, x->peer, false);
    x->complete_ns = clock_ns();
    if (x->body.failed)
        reply_to_lost_body(x);
    else
        x->route->run(x->http->o.app, x);
    return x->stage == STAGE_WAITING ? MHD_YES : exchange_send(x, false);
}

static void go_on(struct exchange *x)
{
    void (*resumed)(struct app * app, struct exchange * x) = x->resumed;

    x->resumed = NULL;
    if (x->gone)
        reply_error(&x->reply, 499, NULL, "the client went away"); /* for the log */
    else
        (resumed ? resumed : x->route->resume)(x->http->o.app, x);
}

static enum MHD_Result on_resumed(struct exchange *x)
{
    x->waited = true;
    watch_disarm(x->http->o.watch, x->peer->watched);
    x->stage = STAGE_RESUMED;
    go_on(x);
    return x->stage == STAGE_WAITING ? MHD_YES : exchange_send(x, false);
}

/* ---- callbacks of libmicrohttpd ---- */

static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *c)
{
    struct exchange *x = exchange_new(cls, c);

    (void)uri;
    if (x) {
        exchange_deadline(x, x->http->o.header_ns);
        connection_coming(x->http, x->peer, true);
    }
    return x;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **context)
{
    struct exchange *x = *context;

    (void)cls;
    (void)c;
    (void)version;
    if (!x)
        return MHD_NO; /* no memory when the request began */
    switch (x->stage) {
    case STAGE_HEADERS:
        return on_headers(x, path, method);
    case STAGE_BODY:
        return *n ? on_body(x, data, n) : on_complete(x);
    case STAGE_WAITING:
        return on_resumed(x);
    default:
        *n = 0;
        return MHD_YES;
    }
}

/* A resumed connection whose client is gone may be reported as complete. */
static int final_status(const struct exchange *x, enum MHD_RequestTerminationCode why)
{
    return why != MHD_REQUEST_TERMINATED_COMPLETED_OK || x->gone ? 499 : x->reply.status;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct http *h = cls;
    struct exchange *x = *context;
    int status;

    (void)c;
    if (!x)
        return;
    status = final_status(x, why);
    watch_disarm(h->o.watch, x->peer->watched);
    exchange_deadline(x, h->o.idle_ns);
    stats_request(h->o.stats, status);
    if (x->encode_ns)
        stats_observe(h->o.stats, STATS_PNG, x->encode_ns);
    if (x->waited && status == 200)
        stats_observe(h->o.stats, STATS_TOTAL, clock_ns() - x->arrived_ns);
    if (status == 499)
        stats_add(h->o.stats, STATS_CLIENT_ABORTS, 1);
    access_log(x, status, h->o.access);
    if (x->stage != STAGE_HEADERS)
        atomic_fetch_sub(&h->busy, 1);
    connection_coming(h, x->peer, false);
    exchange_free(x);
    *context = NULL;
}

/* NULL without memory: the connection is then refused with its first request. */
static struct connection *connection_new(struct http *h, int fd)
{
    struct connection *c = mem_alloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->http = h;
    c->watched = watch_add(h->o.watch, fd);
    if (!c->watched) {
        mem_free(c);
        return NULL;
    }
    watch_deadline(h->o.watch, c->watched, clock_ns() + h->o.header_ns);
    connection_coming(h, c, true);
    return c;
}

static void connection_free(struct http *h, struct connection *c)
{
    if (!c)
        return;
    connection_coming(h, c, false);
    watch_remove(h->o.watch, c->watched);
    mem_free(c);
}

static void on_connection(void *cls, struct MHD_Connection *c, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *h = cls;
    int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED)
        connection_free(h, *socket_context);
    else
        *socket_context = connection_new(h, fd);
}

static void on_log(void *cls, const char *fmt, va_list args)
{
    char line[256];

    (void)cls;
    vsnprintf(line, sizeof line, fmt, args);
    log_debug("http: %.*s", (int)strcspn(line, "\n"), line);
}

/* ---- a listener ---- */

static struct MHD_Daemon *start(struct http *h)
{
    const struct http_options *o = &h->o;
    struct MHD_OptionItem pool[] = {
        { MHD_OPTION_THREAD_POOL_SIZE, o->threads, NULL }, /* refuses 1: leave it out then */
        { MHD_OPTION_END, 0, NULL },
    };
    struct MHD_OptionItem tls[HTTP_TLS_ITEMS];

    http_tls_options(h, tls);
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
            http_tls_flags(h),
        0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, o->listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)o->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_HEADER_MAX,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, h,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        h, MHD_OPTION_ARRAY, o->threads > 1 ? pool : pool + 1, MHD_OPTION_ARRAY, tls,
        MHD_OPTION_END);
}

int http_open(const struct http_options *o, struct http **ret_http, struct err *e)
{
    struct http *h = mem_alloc(1, sizeof *h);

    if (!h)
        return err_set(e, ERR_NOMEM, "http: out of memory");
    h->o = *o;
    h->deaf_fd = -1;
    h->daemon = start(h);
    if (!h->daemon) {
        mem_free(h);
        return err_set(e, ERR_IO, "http: libmicrohttpd did not start (threads, file descriptors?)");
    }
    *ret_http = h;
    return 0;
}

/*
 * Closes the listening socket, so that clients are refused at once, but keeps its number until the
 * daemon has stopped: a thread of libmicrohttpd may still be about to accept from it.
 */
static void stop_listening(int fd)
{
    int deaf = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (deaf < 0)
        return; /* then new clients wait until the daemon has stopped */
    dup3(deaf, fd, O_CLOEXEC);
    close(deaf);
}

/* Always before stopping: with a thread pool, stopping alone would shut the socket down also for
 * another process that has inherited it. */
void http_quiesce(struct http *h)
{
    if (!h || atomic_exchange(&h->quiet, true))
        return;
    h->deaf_fd = MHD_quiesce_daemon(h->daemon);
    if (h->deaf_fd >= 0)
        stop_listening(h->deaf_fd);
}

int http_coming(struct http *h)
{
    return h ? atomic_load(&h->coming) : 0;
}

int http_busy(struct http *h)
{
    return h ? atomic_load(&h->busy) : 0;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    http_quiesce(h);
    MHD_stop_daemon(h->daemon);
    if (h->deaf_fd >= 0)
        close(h->deaf_fd);
    mem_free(h);
}
