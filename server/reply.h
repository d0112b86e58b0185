/*
 * An answer: status, a few headers, bytes. Errors have one shape, made from one table:
 *     {"error": {"message": "n: 17 is outside 1..16", "type": "invalid_request_error",
 *                "param": "n", "code": "invalid_value"}}
 */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define REPLY_HEADERS_MAX 12
#define REPLY_BODY_MAX ((size_t)256 << 20)

struct json_t; /* jansson's */

struct reply_header {
    const char *name; /* static */
    char *value;      /* owned */
};

struct reply {
    int status;
    const char *type; /* Content-Type; static; NULL: none */
    struct reply_header headers[REPLY_HEADERS_MAX];
    int n_headers;
    struct buf body; /* owned */
};

void reply_init(struct reply *r);
void reply_release(struct reply *r);

/* One more header, dropped when REPLY_HEADERS_MAX are there, or without memory. */
void reply_header(struct reply *r, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The HTTP status of an error. */
int reply_status(enum err_code code);
/* Replaces what the reply holds by an error: of the status that fits e->code, or of a given one.
 * param: the field to blame, NULL or "" for none. */
void reply_err(struct reply *r, const struct err *e, const char *param);
void reply_error(struct reply *r, int status, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* {"message", "type", "param", "code"}: the inside of an error. */
struct json_t *reply_error_json(const struct err *e, const char *param);

/* Sets status 200 and a JSON body. json: a json_t, given away; NULL (memory was out while it was
 * built) gives the error for that. */
void reply_json(struct reply *r, struct json_t *json);

#endif
