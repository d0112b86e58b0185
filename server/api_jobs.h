/*
 * Jobs that are kept on the shelf: /v1/jobs/{id}.
 *
 *     GET              state, place in the line, progress; the result when there is one
 *     GET .../events   the same as a stream, in the words of the request's endpoint
 *     GET .../images/{n}.png|jpeg|webp   a picture of the result as a file
 *     DELETE           ends it, also while it runs, and answers once it has ended; one that has
 *                      ended is put away
 *
 * 404: no such job; 410: it has been put away.
 */
#ifndef SERVER_API_JOBS_H
#define SERVER_API_JOBS_H

#include "server/app.h"
#include "server/http.h"

void api_jobs_get(struct app *app, struct exchange *x);
void api_jobs_delete(struct app *app, struct exchange *x);
void api_jobs_delete_resume(struct app *app, struct exchange *x);
void api_jobs_events(struct app *app, struct exchange *x);
void api_jobs_image(struct app *app, struct exchange *x);

/* The job as JSON, without its result. */
void api_jobs_describe(const struct job *job, const char *id, struct reply *reply);

#endif
