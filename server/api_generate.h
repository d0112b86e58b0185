/*
 * POST /v1/generate: a prompt or a picture in, pictures out, as JSON or as one PNG.
 */
#ifndef SERVER_API_GENERATE_H
#define SERVER_API_GENERATE_H

#include "server/app.h"
#include "server/http.h"
#include "server/stream.h"

void api_generate(struct app *app, struct exchange *x);
void api_generate_resume(struct app *app, struct exchange *x);
/* Of its stream: queued, progress, partial_image, completed. */
extern const struct stream_voice API_GENERATE_VOICE;

#endif
