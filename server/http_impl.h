/*
 * What http.c (listener, receiving), http_tls.c and exchange.c (one exchange, sending) share.
 * Private to them.
 */
#ifndef SERVER_HTTP_IMPL_H
#define SERVER_HTTP_IMPL_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "server/http.h"

enum stage {
    STAGE_HEADERS,  /* the request line is there */
    STAGE_BODY,     /* headers are fine, body is coming */
    STAGE_WAITING,  /* suspended; somebody will resume it */
    STAGE_RESUMED,  /* it was */
    STAGE_ANSWERED, /* reply queued */
};

struct http {
    struct http_options o;
    struct MHD_Daemon *daemon;
    int deaf_fd; /* the number of the listening socket once it is closed; -1: it listens */
    _Atomic bool quiet;
    _Atomic int busy;   /* requests whose headers are there and whose answer is not out */
    _Atomic int coming; /* connections whose request is not complete, also before its first byte */
};

/* What libmicrohttpd keeps for us beside a connection. */
struct connection {
    struct http *http;
    struct watched *watched;
    bool coming; /* counted in http.coming */
};

/* What MHD_start_daemon gets for TLS, if the listener has it: flags, and up to HTTP_TLS_ITEMS
 * options with their end. */
#define HTTP_TLS_ITEMS 3
unsigned http_tls_flags(const struct http *h);
void http_tls_options(const struct http *h, struct MHD_OptionItem ret_items[HTTP_TLS_ITEMS]);

void connection_coming(struct http *h, struct connection *c, bool coming);

/* NULL without memory; a connection that came when there was none is not watched, and not served.
 */
struct exchange *exchange_new(struct http *h, struct MHD_Connection *c);
void exchange_free(struct exchange *x);
/* The socket is shut down so long from now unless changed before; 0: never. */
void exchange_deadline(const struct exchange *x, int64_t after_ns);
/* Queues the reply, or the stream. close: the connection ends with it. */
enum MHD_Result exchange_send(struct exchange *x, bool close);

#endif
