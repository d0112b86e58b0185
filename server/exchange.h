/*
 * One HTTP request and its answer. Its route's handler runs when headers and body are complete, and
 * does one of three things:
 *
 *     fill x->reply                    and return: it is sent
 *     exchange_suspend(x)              any thread: exchange_resume(x); then x->resumed, or else the
 *                                      route's resume, goes on as a handler does (submit.h does
 * this for everything with a job) exchange_stream(x, more, arg)    the headers of x->reply are
 * sent, then what more() says, again after every exchange_wake(x)
 *
 * Handlers run on the listener's few threads and never block.
 */
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "server/job.h"
#include "server/models.h"
#include "server/reload.h"
#include "server/reply.h"

struct app;
struct exchange;
struct http;
struct route;

#define EXCHANGE_TRACE_MAX 56 /* of a traceparent, with its end */

/* Appends to out what there is to say now; nothing is fine. False: that was all. HTTP threads. */
typedef bool exchange_more_fn(struct exchange *x, void *arg, struct buf *out);

struct exchange {
    const char *method, *path;            /* borrowed from the connection */
    char id[JOB_ID_MAX];                  /* X-Request-Id of the client, or a new one */
    char client[JOB_CLIENT_MAX];          /* who asks: peer.h */
    char traceparent[EXCHANGE_TRACE_MAX]; /* as the client sent it; "": none */
    const struct route *route;
    struct buf body;
    struct reply reply;
    int64_t arrived_ns;       /* its first byte */
    int64_t complete_ns;      /* its last */
    int64_t encode_ns;        /* spent on PNGs and the like, for the access line */
    struct job *job;          /* NULL, or held */
    struct job_waiter waiter; /* for the job; left when the exchange ends */
    struct models_waiter model_waiter;
    struct reload_waiter reload_waiter;
    void (*resumed)(struct app *app, struct exchange *x); /* NULL: the route's resume */
    _Atomic bool gone;                                    /* the client has left */
    _Atomic bool late;                                    /* its time is over */
    bool as_json; /* for resume: whatever the client accepts */

    /* exchange.c's and http.c's own */
    struct http *http;
    struct MHD_Connection *connection;
    struct connection *peer;
    int stage;
    bool waited;      /* has been suspended */
    size_t discarded; /* bytes of a body over the limit */
    struct {
        exchange_more_fn *more; /* NULL: no stream */
        void *arg;
        void (*free)(void *arg);
        struct buf out; /* of which `sent` bytes are */
        size_t sent;
        bool ended;
        pthread_mutex_t lock; /* guards the two below */
        bool news, asleep;
    } stream;
};

/* A request header; NULL if absent. */
const char *exchange_header(const struct exchange *x, const char *name);

/* In a handler, which returns without a reply. */
void exchange_suspend(struct exchange *x);
/* Once for every suspend; any thread. The caller does not touch the exchange after. */
void exchange_resume(struct exchange *x);

/* In a handler: what follows the headers comes from more(). free(arg) is called at the end. */
void exchange_stream(struct exchange *x, exchange_more_fn *more, void *arg,
                     void (*free)(void *arg));
/* There may be more to say. Any thread, until the exchange ends. */
void exchange_wake(struct exchange *x);

/* In a handler that suspends or streams, last: gone(x) is called at most once, by the watch's
 * thread, when the client leaves; not any more once resume has been called, or when the exchange
 * has ended. */
void exchange_watch(struct exchange *x, void (*gone)(void *exchange));
/* Calls beat(x) every so often, like gone and as long. */
void exchange_beat(struct exchange *x, int64_t every_ns, void (*beat)(void *exchange));

#endif
