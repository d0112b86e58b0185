/*
 * GET /v1/capabilities: the model, every limit, and the fields of every endpoint with theirs: what
 * a program needs that wants to fit itself to this daemon.
 */
#ifndef SERVER_API_CAPABILITIES_H
#define SERVER_API_CAPABILITIES_H

#include "server/app.h"
#include "server/http.h"

void api_capabilities(struct app *app, struct exchange *x);

#endif
