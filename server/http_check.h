/*
 * What the headers of a request are reason enough to refuse, before its body is read.
 */
#ifndef SERVER_HTTP_CHECK_H
#define SERVER_HTTP_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "server/http.h"

/* Finds x->route among the routes, and who asks. -1: x->reply says why not. */
int http_check(struct exchange *x, const struct http_options *o);
/* Bytes follow the headers. */
bool http_has_body(const struct exchange *x);
/* A valid traceparent (W3C Trace Context) becomes the exchange's: it goes into the access line and
 * the answer. */
void http_take_trace(struct exchange *x);
/* The client's X-Request-Id becomes the exchange's, if it is short and plain. */
void http_take_id(struct exchange *x);

#endif
