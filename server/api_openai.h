/*
 * POST /v1/images/generations and /v1/images/variations: what clients of OpenAI's API speak.
 */
#ifndef SERVER_API_OPENAI_H
#define SERVER_API_OPENAI_H

#include "server/app.h"
#include "server/http.h"
#include "server/stream.h"

void api_generations(struct app *app, struct exchange *x);
void api_variations(struct app *app, struct exchange *x);
void api_images_resume(struct app *app, struct exchange *x);
/* One event a picture at the end, all with the usage of the whole request. */
extern const struct stream_voice API_OPENAI_VOICE;

#endif
