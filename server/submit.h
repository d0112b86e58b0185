/*
 * From a request to its job: what every endpoint does that wants the device.
 *
 *     void api_x(app, x)          { if (submit_ready(app, x) && !parse(...)) submit(app, x,
 * &request); } void api_x_resume(app, x)   { x->job is over: job -> x->reply }
 */
#ifndef SERVER_SUBMIT_H
#define SERVER_SUBMIT_H

#include <stdbool.h>

#include "server/app.h"
#include "server/http.h"

/* False: new work is not taken, and x has its reply. */
bool submit_ready(struct app *app, struct exchange *x);
/* Replies with an error; a full queue says when to come again. param: the field to blame, or NULL.
 */
void submit_refuse(struct app *app, struct exchange *x, const struct err *e, const char *param);
/* Makes a job of the request (given away), hands it over and suspends x until it is over; or
 * replies why not. */
void submit(struct app *app, struct exchange *x, struct gen_request *request);

#endif
