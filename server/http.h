/*
 * HTTP listeners through libmicrohttpd, which lives in http.c alone. A request becomes a struct
 * exchange; its route's handler runs when headers and body are complete, and either fills the reply
 * or suspends the exchange and fills the reply after exchange_resume:
 *
 *     run(app, x):       exchange_suspend(x); then the job goes to the queue (submit.h)
 *     any thread:        exchange_resume(x)
 *     resume(app, x):    job -> x->reply; not called when the client has gone
 *
 * Handlers run on the listener's few threads and never block.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "server/job.h"
#include "server/reply.h"
#include "server/stats.h"
#include "server/watch.h"

struct app;
struct route;
struct http;

struct http_options {
    int listen_fd;              /* owned by the listener from here */
    const struct route *routes; /* ends with a row without a path */
    struct app *app;            /* for handlers */
    struct stats *stats;
    struct watch *watch;
    int threads, connections;
    size_t body_max;
    int64_t header_ns, body_ns, write_ns, idle_ns; /* absolute limits of each phase */
};

struct exchange {
    const char *method, *path;   /* borrowed from the connection */
    char id[JOB_ID_MAX];         /* X-Request-Id of the client, or a new one */
    char client[JOB_CLIENT_MAX]; /* who asks: peer.h */
    struct buf body;
    struct reply reply;
    int64_t encode_ns;        /* spent on PNGs and the like, for the access line */
    struct job *job;          /* NULL, or held */
    struct job_waiter waiter; /* for the job */
    bool gone;                /* set before resume: the client has left */
    bool as_json;             /* for resume: whatever the client accepts */

    /* http.c's own */
    struct http *http;
    struct MHD_Connection *connection;
    struct watched *watched;
    const struct route *route;
    int stage;
    bool waited; /* has been suspended */
    int64_t arrived_ns;
    size_t discarded; /* bytes of a body over the limit */
};

int http_open(const struct http_options *o, struct http **ret_http, struct err *e);
/* Takes no more connections; answers close theirs. */
void http_quiesce(struct http *h);
/* Waits for answers that are being written, within write_ns, then ends. No exchange may be
 * suspended. */
void http_close(struct http *h);

/* A request header; NULL if absent. For handlers. */
const char *exchange_header(const struct exchange *x, const char *name);
/* In a handler, which returns without a reply. */
void exchange_suspend(struct exchange *x);
/* In the same handler, last: gone(x) is called at most once, by the watch's thread, when the client
 * leaves before resume has run. */
void exchange_watch(struct exchange *x, void (*gone)(void *exchange));
/* Once for every suspend; any thread. The caller does not touch the exchange after. */
void exchange_resume(struct exchange *x);

#endif
