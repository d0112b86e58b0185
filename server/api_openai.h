/*
 * POST /v1/images/generations and /v1/images/variations: what clients of OpenAI's API speak.
 */
#ifndef SERVER_API_OPENAI_H
#define SERVER_API_OPENAI_H

#include "server/app.h"
#include "server/http.h"

void api_generations(struct app *app, struct exchange *x);
void api_variations(struct app *app, struct exchange *x);
void api_images_resume(struct app *app, struct exchange *x);

#endif
