/*
 * (method, path) -> handler. Two tables: the work listener's and the admin listener's, which a full
 * house cannot silence.
 */
#ifndef SERVER_ROUTE_H
#define SERVER_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "server/app.h"
#include "server/http.h"

/* What a route takes as its body; something else gets 415. */
enum route_body { ROUTE_ANY, ROUTE_JSON, ROUTE_FORM /* multipart/form-data */ };

struct route {
    const char *method; /* GET answers HEAD too */
    const char *path;   /* "*" stands for one segment; NULL ends a table */
    enum route_body body;
    const struct field_table *fields; /* of the body; NULL: it has none */
    void (*run)(struct app *app, struct exchange *x);
    void (*resume)(struct app *app, struct exchange *x); /* of handlers that suspend */
    const struct stream_voice *voice;                    /* of handlers whose job may be streamed */
    bool probe;     /* asked every second by machines: its access lines are for debugging */
    bool by_client; /* its job can be asked for by whose it is: current.h */
    bool open;      /* answers also who has no API key */
};

extern const struct route ROUTES_WORK[];
extern const struct route ROUTES_ADMIN[];

/* NULL: ret_reply is 404, or 405 with Allow. */
const struct route *route_find(const struct route *table, const char *method, const char *path,
                               struct reply *ret_reply);

/* Segment n of a path, counted from 0: of "/v1/jobs/7", 2 is "7". False when there is none, or when
 * it is longer than size - 1 bytes. */
bool route_arg(const char *path, int n, char *ret_arg, size_t size);

#endif
