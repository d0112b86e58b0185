/*
 * HTTP listeners through libmicrohttpd, which lives in http.c and exchange.c. Bytes become a struct
 * exchange, which goes to its route's handler once headers and body are complete.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "server/access.h"
#include "server/exchange.h"
#include "server/keys.h"
#include "server/stats.h"
#include "server/tls.h"
#include "server/watch.h"

#define HTTP_HEADER_MAX ((size_t)64 << 10) /* bytes of request line and headers, about */

struct app;

struct http_options {
    int listen_fd;              /* owned by the listener from here */
    const struct route *routes; /* ends with a row without a path */
    struct app *app;            /* for handlers */
    struct stats *stats;
    struct watch *watch;
    enum access_format access;
    struct keys *keys; /* NULL: everybody is served */
    struct tls *tls;   /* NULL: plain HTTP */
    const char *cors;  /* origins of pages that may ask: cors.h */
    int threads, connections;
    size_t body_max;
    int64_t header_ns, body_ns, write_ns, idle_ns; /* absolute limits of each phase */
};

int http_open(const struct http_options *o, struct http **ret_http, struct err *e);
/* Takes no more connections; answers close theirs. What comes on those that are there is answered.
 */
void http_quiesce(struct http *h);
/* Connections whose request is not complete yet, also those that have sent nothing. NULL: none. */
int http_coming(struct http *h);
/* Requests whose answer is not out yet. NULL: none. */
int http_busy(struct http *h);
/* Cuts off answers that are being written. No exchange may be suspended. */
void http_close(struct http *h);

#endif
