/*
 * The access line: one a request, when its exchange ends.
 */
#ifndef SERVER_ACCESS_H
#define SERVER_ACCESS_H

#include "server/exchange.h"

/* status: 499 when the client has left. */
void access_log(const struct exchange *x, int status);

#endif
