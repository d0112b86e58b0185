/*
 * GET /v1/models and /v1/models/{id}, in the shape of OpenAI's with a few fields of our own.
 */
#ifndef SERVER_API_MODELS_H
#define SERVER_API_MODELS_H

#include "server/app.h"
#include "server/http.h"

struct json_t;

void api_models(struct app *app, struct exchange *x);
void api_model(struct app *app, struct exchange *x);

/* A list of all models, the first one first, as both tell it. NULL without memory. */
struct json_t *api_models_json(const struct app *app);

#endif
