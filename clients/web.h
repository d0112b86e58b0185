/*
 * HTTP for the command line, through libcurl, which lives in web.c alone. Answers of the daemon are
 * JSON; an error of its becomes a struct err with its words.
 */
#ifndef CLIENTS_WEB_H
#define CLIENTS_WEB_H

#include <stdbool.h>

#include "base/err.h"

struct json_t;

/* Something to do a few times a second while waiting; may be all zero. */
struct web_tick {
    void (*tick)(void *arg);
    void *arg;
};

/* Once, before anything else and after everything. */
int web_open(struct err *e);
void web_close(void);

/* $CLIPGEN_API_KEY, if it is set, goes along with every request. */
struct web_request {
    const char *server; /* "http://host:port", or "unix:/path" */
    const char *path;
    const char *method; /* NULL: GET, or POST when there is a body */
    const char *body;   /* JSON text; NULL: none */
    const char *header; /* one more: "Prefer: respond-async"; NULL: none */
    bool allow_503;     /* as of the health pages: an answer like any other */
    struct web_tick tick;
};

/* *ret_json: the answer's object, to be json_decref'd. */
int web_call(const struct web_request *r, struct json_t **ret_json, struct err *e);

#endif
