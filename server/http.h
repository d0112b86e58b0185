/*
 * HTTP listeners through libmicrohttpd, which lives in http.c alone. A request becomes a struct
 * exchange; its route's handler runs when headers and body are complete, and either fills the reply
 * or suspends the exchange and fills the reply after exchange_resume:
 *
 *     run(app, x):     queue_reserve; exchange_suspend(x, ...); queue_push(job)  -- then hands off
 * x scheduler:       exchange_resume(x) resume(app, x):  job -> x->reply
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
    struct job *job; /* NULL, or owned by the exchange unless suspended */

    /* http.c's own */
    struct http *http;
    struct MHD_Connection *connection;
    struct watched *watched;
    const struct route *route;
    int stage;
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
/* gone(arg): the client left; called at most once, by the watch's thread, before resume has run. */
void exchange_suspend(struct exchange *x, void (*gone)(void *arg), void *arg);
/* Once for every suspend; any thread. arg: the exchange, which the caller does not touch after. */
void exchange_resume(void *exchange);

#endif
