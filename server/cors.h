/*
 * Pages of other sites that may ask (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol), by
 * a list in the configuration: origins ("https://app.example:8443") between blanks or commas, or
 * "*" for all. An empty list, the default, lets no browser use us from elsewhere. Cookies are never
 * allowed (Access-Control-Allow-Credentials): we have none, and keys are sent by who knows them.
 */
#ifndef SERVER_CORS_H
#define SERVER_CORS_H

#include <stdbool.h>

#include "base/err.h"
#include "server/reply.h"

/* -1: INVALID names what is no origin. */
int cors_check(const char *list, struct err *e);

/* The headers that tell a browser that a page of this origin may read the reply. False, and no
 * headers, when it may not. origin: NULL when no page asks. */
bool cors_allow(const char *list, const char *origin, struct reply *r);

/* Makes the reply what a browser wants to know before it asks (a preflight). */
void cors_preflight(struct reply *r);

#endif
