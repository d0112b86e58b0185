/*
 * GET /v1/models, in the shape of OpenAI's list of models.
 */
#ifndef SERVER_API_MODELS_H
#define SERVER_API_MODELS_H

#include "server/app.h"
#include "server/http.h"

void api_models(struct app *app, struct exchange *x);

#endif
