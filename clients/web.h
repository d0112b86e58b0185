/*
 * HTTP for the command line, through libcurl, which lives in web.c alone. Answers of the daemon are
 * JSON; an error of its becomes a struct err with its words.
 */
#ifndef CLIENTS_WEB_H
#define CLIENTS_WEB_H

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

/* GET server + path, or POST when there is a body (JSON text). *ret_json: the answer's object, to
 * be json_decref'd. 503 of the health pages is an answer like any other with allow_503. */
int web_call(const char *server, const char *path, const char *body, int allow_503,
             struct web_tick tick, struct json_t **ret_json, struct err *e);

#endif
