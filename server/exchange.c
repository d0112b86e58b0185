#include "server/http_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "server/peer.h"

_Static_assert(JOB_CLIENT_MAX >= PEER_NAME_MAX, "an address names a client");

#define STREAM_BLOCK 32768 /* bytes libmicrohttpd asks for at a time */

static struct connection *peer_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static const struct sockaddr *address_of(struct MHD_Connection *c)
{
    return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

static void new_id(char id[JOB_ID_MAX])
{
    snprintf(id, JOB_ID_MAX, "gen-%016" PRIx64 "%016" PRIx64, rng_seed_from_system(),
             rng_seed_from_system());
}

struct exchange *exchange_new(struct http *h, struct MHD_Connection *c)
{
    struct connection *peer = peer_of(c);
    struct exchange *x = peer ? mem_alloc(1, sizeof *x) : NULL;

    if (!x)
        return NULL;
    x->http = h;
    x->connection = c;
    x->peer = peer;
    x->stage = STAGE_HEADERS;
    x->arrived_ns = clock_ns();
    buf_init(&x->body, h->o.body_max);
    buf_init(&x->stream.out, REPLY_BODY_MAX);
    pthread_mutex_init(&x->stream.lock, NULL);
    reply_init(&x->reply);
    new_id(x->id);
    peer_name(address_of(c), x->client);
    return x;
}

void exchange_free(struct exchange *x)
{
    if (x->job)
        job_leave(x->job, &x->waiter);
    job_free(x->job);
    if (x->stream.more)
        x->stream.free(x->stream.arg);
    pthread_mutex_destroy(&x->stream.lock);
    buf_release(&x->stream.out);
    buf_release(&x->body);
    reply_release(&x->reply);
    mem_free(x);
}

void exchange_deadline(const struct exchange *x, int64_t after_ns)
{
    watch_deadline(x->http->o.watch, x->peer->watched, after_ns ? clock_ns() + after_ns : 0);
}

const char *exchange_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

void exchange_suspend(struct exchange *x)
{
    x->stage = STAGE_WAITING;
    exchange_deadline(x, 0); /* the job's own deadline holds now */
    MHD_suspend_connection(x->connection);
}

void exchange_resume(struct exchange *x)
{
    MHD_resume_connection(x->connection);
}

void exchange_watch(struct exchange *x, void (*gone)(void *exchange))
{
    watch_arm(x->http->o.watch, x->peer->watched, gone, x);
}

void exchange_beat(struct exchange *x, int64_t every_ns, void (*beat)(void *exchange))
{
    watch_beat(x->http->o.watch, x->peer->watched, every_ns, beat, x);
}

/* ---- a stream ---- */

void exchange_stream(struct exchange *x, exchange_more_fn *more, void *arg, void (*free)(void *arg))
{
    x->stream.more = more;
    x->stream.arg = arg;
    x->stream.free = free;
    x->stream.news = true;
}

void exchange_wake(struct exchange *x)
{
    pthread_mutex_lock(&x->stream.lock);
    x->stream.news = true;
    if (x->stream.asleep)
        MHD_resume_connection(x->connection);
    x->stream.asleep = false;
    pthread_mutex_unlock(&x->stream.lock);
}

/* True once for any number of wakes; else the connection sleeps until the next. */
static bool take_news(struct exchange *x)
{
    bool news;

    pthread_mutex_lock(&x->stream.lock);
    news = x->stream.news;
    x->stream.news = false;
    x->stream.asleep = !news;
    if (!news)
        MHD_suspend_connection(x->connection);
    pthread_mutex_unlock(&x->stream.lock);
    if (!news)
        exchange_deadline(x, 0); /* the connection is this thread's until on_wanted returns */
    return news;
}

/* False: nothing to send now. */
static bool fill(struct exchange *x)
{
    while (x->stream.sent == x->stream.out.len && !x->stream.ended) {
        if (!take_news(x))
            return false;
        buf_clear(&x->stream.out);
        x->stream.sent = 0;
        x->stream.ended = !x->stream.more(x, x->stream.arg, &x->stream.out);
    }
    return true;
}

/* libmicrohttpd wants up to max bytes. It comes again when they are out: time for the next begins.
 */
static ssize_t on_wanted(void *cls, uint64_t position, char *to, size_t max)
{
    struct exchange *x = cls;
    size_t n;

    (void)position;
    if (atomic_load(&x->gone))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!fill(x))
        return 0;
    n = x->stream.out.len - x->stream.sent;
    if (x->stream.out.failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    n = n < max ? n : max;
    memcpy(to, x->stream.out.data + x->stream.sent, n);
    x->stream.sent += n;
    exchange_deadline(x, x->http->o.write_ns);
    return (ssize_t)n;
}

/* ---- sending ---- */

static void add_headers(struct MHD_Response *m, const struct exchange *x, bool close)
{
    const struct reply *r = &x->reply;

    if (r->type)
        MHD_add_response_header(m, "Content-Type", r->type);
    MHD_add_response_header(m, "Cache-Control", "no-store");
    MHD_add_response_header(m, "X-Request-Id", x->id);
    if (*x->traceparent)
        MHD_add_response_header(m, "traceparent", x->traceparent);
    for (int i = 0; i < r->n_headers; i++)
        MHD_add_response_header(m, r->headers[i].name, r->headers[i].value);
    if (close)
        MHD_add_response_header(m, "Connection", "close");
}

/* The body goes to libmicrohttpd, which frees it when the last byte is out. */
static struct MHD_Response *response_of_body(struct reply *r)
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

enum MHD_Result exchange_send(struct exchange *x, bool close)
{
    struct MHD_Response *m =
        x->stream.more
            ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_wanted, x, NULL)
            : response_of_body(&x->reply);
    enum MHD_Result queued;

    if (!m)
        return MHD_NO;
    x->stage = STAGE_ANSWERED;
    exchange_deadline(x, x->http->o.write_ns);
    add_headers(m, x, close || atomic_load(&x->http->quiet));
    queued = MHD_queue_response(x->connection, (unsigned)x->reply.status, m);
    MHD_destroy_response(m);
    return queued;
}
