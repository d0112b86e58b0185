#include "server/http.h"

#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "server/peer.h"
#include "server/route.h"

_Static_assert(JOB_CLIENT_MAX >= PEER_NAME_MAX, "an address names a client");

#define MEMORY_PER_CONNECTION ((size_t)64 << 10) /* request line and headers fit into this */
#define CLOSE_POLL_US 2000

enum stage {
    STAGE_HEADERS,  /* the request line is there */
    STAGE_BODY,     /* headers are fine, body is coming */
    STAGE_WAITING,  /* suspended; the job is with queue and scheduler */
    STAGE_ANSWERED, /* reply queued */
};

struct http {
    struct http_options o;
    struct MHD_Daemon *daemon;
    int deaf_fd; /* the number of the listening socket once it is closed; -1: it listens */
    _Atomic bool quiet;
    _Atomic int busy;
};

/* ---- exchange: from the request line to the last byte of the answer ---- */

static struct watched *watched_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static const struct sockaddr *address_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

static void set_deadline(const struct exchange *x, int64_t after_ns)
{
    watch_deadline(x->http->o.watch, x->watched, after_ns ? clock_ns() + after_ns : 0);
}

static void new_id(char id[JOB_ID_MAX])
{
    snprintf(id, JOB_ID_MAX, "gen-%016" PRIx64 "%016" PRIx64, rng_seed_from_system(),
             rng_seed_from_system());
}

/* NULL without memory; a connection that came when there was none is not watched, and not served.
 */
static struct exchange *exchange_new(struct http *h, struct MHD_Connection *c)
{
    struct watched *watched = watched_of(c);
    struct exchange *x = watched ? mem_alloc(1, sizeof *x) : NULL;

    if (!x)
        return NULL;
    x->http = h;
    x->connection = c;
    x->watched = watched;
    x->stage = STAGE_HEADERS;
    x->arrived_ns = clock_ns();
    buf_init(&x->body, h->o.body_max);
    reply_init(&x->reply);
    new_id(x->id);
    peer_name(address_of(c), x->client);
    return x;
}

static void exchange_free(struct exchange *x)
{
    job_free(x->job);
    buf_release(&x->body);
    reply_release(&x->reply);
    mem_free(x);
}

const char *exchange_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

void exchange_suspend(struct exchange *x)
{
    x->stage = STAGE_WAITING;
    set_deadline(x, 0); /* the job's own deadline holds now */
    MHD_suspend_connection(x->connection);
}

void exchange_watch(struct exchange *x, void (*gone)(void *exchange))
{
    watch_arm(x->http->o.watch, x->watched, gone, x);
}

void exchange_resume(struct exchange *x)
{
    MHD_resume_connection(x->connection);
}

/* ---- sending ---- */

static void add_headers(struct MHD_Response *m, const struct exchange *x, bool close)
{
    const struct reply *r = &x->reply;

    MHD_add_response_header(m, "Content-Type", r->type);
    MHD_add_response_header(m, "Cache-Control", "no-store");
    MHD_add_response_header(m, "X-Request-Id", x->id);
    for (int i = 0; i < r->n_headers; i++)
        MHD_add_response_header(m, r->headers[i].name, r->headers[i].value);
    if (close)
        MHD_add_response_header(m, "Connection", "close");
}

/* The body goes to libmicrohttpd, which frees it when the last byte is out. */
static struct MHD_Response *response_of(struct reply *r)
{
    size_t n = 0;
    char *data = buf_take(&r->body, &n);
    struct MHD_Response *m;

    if (!data)
        return MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    m = MHD_create_response_from_buffer_with_free_callback(n, data, mem_free);
    if (!m)
        mem_free(data);
    return m;
}

static enum MHD_Result send_reply(struct exchange *x, bool close)
{
    struct MHD_Response *m = response_of(&x->reply);
    enum MHD_Result queued;

    if (!m)
        return MHD_NO;
    x->stage = STAGE_ANSWERED;
    set_deadline(x, x->http->o.write_ns);
    add_headers(m, x, close || atomic_load(&x->http->quiet));
    queued = MHD_queue_response(x->connection, (unsigned)x->reply.status, m);
    MHD_destroy_response(m);
    return queued;
}

/* ---- receiving ---- */

/* A client's id goes into logs and headers: only plain, short ones are taken. */
static void take_client_id(struct exchange *x)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *id = exchange_header(x, "X-Request-Id");

    if (id && *id && strlen(id) < JOB_ID_MAX && strspn(id, PLAIN) == strlen(id))
        snprintf(x->id, sizeof x->id, "%s", id);
}

static bool has_body(const struct exchange *x)
{
    const char *length = exchange_header(x, "Content-Length");

    return exchange_header(x, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

static bool is_type(const char *type, const char *wanted)
{
    size_t n = strlen(wanted);

    return type && strncasecmp(type, wanted, n) == 0 && strchr("; \t", type[n]);
}

/* Fills the reply and fails when the body is announced as something that the route does not take.
 */
static int check_type(struct exchange *x)
{
    static const struct {
        const char *type, *hint;
    } WANTED[] = {
        [ROUTE_JSON] = { "application/json", "curl --json" },
        [ROUTE_FORM] = { "multipart/form-data", "curl -F" },
    };
    enum route_body body = x->route->body;

    if (body == ROUTE_ANY || is_type(exchange_header(x, "Content-Type"), WANTED[body].type))
        return 0;
    reply_error(&x->reply, 415, NULL, "Content-Type must be %s (%s)", WANTED[body].type,
                WANTED[body].hint);
    return -1;
}

/* Fills the reply and fails when the headers alone are reason enough. */
static int check_headers(struct exchange *x)
{
    const char *length = exchange_header(x, "Content-Length");
    uint64_t n = 0;

    x->route = route_find(x->http->o.routes, x->method, x->path, &x->reply);
    if (!x->route)
        return -1;
    if (length && exchange_header(x, "Transfer-Encoding")) {
        reply_error(&x->reply, 400, NULL, "Content-Length and Transfer-Encoding are both there");
        return -1;
    }
    if (check_type(x))
        return -1;
    if (length && (num_parse_u64(length, "Content-Length", &n, NULL) || n > x->http->o.body_max)) {
        reply_error(&x->reply, 413, NULL, "body: %s bytes are over the limit of %zu", length,
                    x->http->o.body_max);
        return -1;
    }
    return 0;
}

static enum MHD_Result on_headers(struct exchange *x, const char *path, const char *method)
{
    x->stage = STAGE_BODY;
    x->path = path;
    x->method = method;
    take_client_id(x);
    atomic_fetch_add(&x->http->busy, 1);
    if (check_headers(x))
        return send_reply(x, has_body(x)); /* before the body: it is not read */
    set_deadline(x, x->http->o.body_ns);
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
    set_deadline(x, 0);
    if (x->body.failed)
        reply_to_lost_body(x);
    else
        x->route->run(x->http->o.app, x);
    return x->stage == STAGE_WAITING ? MHD_YES : send_reply(x, false);
}

static enum MHD_Result on_resumed(struct exchange *x)
{
    x->waited = true;
    watch_disarm(x->http->o.watch, x->watched);
    if (x->gone)
        reply_error(&x->reply, 499, NULL, "the client went away"); /* for the log */
    else
        x->route->resume(x->http->o.app, x);
    return send_reply(x, false);
}

/* ---- callbacks of libmicrohttpd ---- */

static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *c)
{
    struct exchange *x = exchange_new(cls, c);

    (void)uri;
    if (x)
        set_deadline(x, x->http->o.header_ns);
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

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

/* One line a request. */
static void log_access(const struct exchange *x, int status)
{
    static const struct job_times NONE = { 0 };
    bool over = x->job && job_over(x->job);
    const struct job_times *t = over ? &x->job->times : &NONE;
    int images = over && status == 200 ? x->job->n_pictures : 0;
    void (*say)(const char *fmt, ...) = x->route && x->route->probe ? log_debug : log_info;

    say("access: id=%s method=%s path=%.100s status=%d images=%d queue=%.1f encode=%.1f "
        "decode=%.1f pixels=%.1f png=%.1f total=%.1f",
        x->id, x->method ? x->method : "-", x->path ? x->path : "-", status, images, ms(t->queue),
        ms(t->encode), ms(t->decode), ms(t->pixels), ms(x->encode_ns),
        ms(clock_ns() - x->arrived_ns));
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
    watch_disarm(h->o.watch, x->watched);
    set_deadline(x, h->o.idle_ns);
    stats_request(h->o.stats, status);
    if (x->encode_ns)
        stats_observe(h->o.stats, STATS_PNG, x->encode_ns);
    if (x->waited && status == 200)
        stats_observe(h->o.stats, STATS_TOTAL, clock_ns() - x->arrived_ns);
    if (status == 499)
        stats_add(h->o.stats, STATS_CLIENT_ABORTS, 1);
    log_access(x, status);
    if (x->stage != STAGE_HEADERS)
        atomic_fetch_sub(&h->busy, 1);
    exchange_free(x);
    *context = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *c, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *h = cls;
    int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*socket_context)
            watch_remove(h->o.watch, *socket_context);
        return;
    }
    *socket_context = watch_add(h->o.watch, fd);
    if (*socket_context)
        watch_deadline(h->o.watch, *socket_context, clock_ns() + h->o.header_ns);
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

    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        o->listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_PER_CONNECTION, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, on_request_line, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_ARRAY,
        o->threads > 1 ? pool : pool + 1, MHD_OPTION_END);
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

static void wait_for_answers(struct http *h)
{
    int64_t until = clock_ns() + h->o.write_ns;

    while (atomic_load(&h->busy) > 0 && clock_ns() < until)
        usleep(CLOSE_POLL_US);
}

void http_close(struct http *h)
{
    if (!h)
        return;
    http_quiesce(h);
    wait_for_answers(h);
    MHD_stop_daemon(h->daemon);
    if (h->deaf_fd >= 0)
        close(h->deaf_fd);
    mem_free(h);
}
