/*
 * From a request to its job: what every endpoint does that wants the device.
 *
 *     void api_x(app, x)         { submit_body(app, x, x_request_parse); }
 *     void api_x_resume(app, x)  { x->job is over: job -> x->reply }
 *
 * A request for a model that is not loaded yet waits for it, and then its handler runs once more
 * from the beginning; the time that it may take is counted from the first.
 *
 * Two headers are honoured here for all of them. `Prefer: respond-async` answers 202 at once and
 * keeps the job (api_jobs.h). `Idempotency-Key` keeps it too, and finds it again when the request
 * comes a second time.
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
 * replies that it is accepted, or why not. x->body is as it came; it is not needed any more once
 * the job is made. */
void submit(struct app *app, struct exchange *x, struct gen_request *request);
/* All of it for a body of JSON: a handler is this one call. */
void submit_body(struct app *app, struct exchange *x, request_parse *parse);
/* In a handler: suspends x until x->job is over. */
void submit_wait(struct exchange *x);

#endif
