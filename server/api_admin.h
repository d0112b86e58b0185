/*
 * What operators ask for, on the admin listener alone: POST /admin/reload, GET and PUT
 * /admin/log-level, GET and PUT /admin/drain.
 */
#ifndef SERVER_API_ADMIN_H
#define SERVER_API_ADMIN_H

#include "server/app.h"
#include "server/http.h"

/* Answers when the reload has ended; with `Prefer: respond-async` at once. */
void api_admin_reload(struct app *app, struct exchange *x);
void api_admin_reload_resume(struct app *app, struct exchange *x);
void api_admin_log_level(struct app *app, struct exchange *x);
void api_admin_set_log_level(struct app *app, struct exchange *x);
/* A daemon that is drained is not ready, so that those in front of it send new clients elsewhere;
 * it goes on serving those that come. */
void api_admin_drain(struct app *app, struct exchange *x);
void api_admin_set_drain(struct app *app, struct exchange *x);

extern const struct field_table LOG_LEVEL_FIELDS, DRAIN_FIELDS;

#endif
