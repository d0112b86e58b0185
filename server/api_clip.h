/*
 * POST /v1/embeddings: CLIP embeddings of texts and pictures, in the shape of OpenAI's.
 * POST /v1/rank: how well each picture fits each text.
 */
#ifndef SERVER_API_CLIP_H
#define SERVER_API_CLIP_H

#include "server/app.h"
#include "server/http.h"

void api_embeddings(struct app *app, struct exchange *x);
void api_embeddings_resume(struct app *app, struct exchange *x);
void api_rank(struct app *app, struct exchange *x);
void api_rank_resume(struct app *app, struct exchange *x);

#endif
