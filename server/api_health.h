/*
 * For orchestrators and load balancers: /livez (the device thread moves; restart when not), /readyz
 * (new work is taken; send none when not), /healthz (both, with details for people).
 */
#ifndef SERVER_API_HEALTH_H
#define SERVER_API_HEALTH_H

#include "server/app.h"
#include "server/http.h"

void api_healthz(struct app *app, struct exchange *x);
void api_livez(struct app *app, struct exchange *x);
void api_readyz(struct app *app, struct exchange *x);

#endif
