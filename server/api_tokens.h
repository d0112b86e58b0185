/*
 * POST /v1/encode: the tokens that stand for pictures. POST /v1/decode: pictures of tokens, which
 * are answered as those of /v1/generate are.
 */
#ifndef SERVER_API_TOKENS_H
#define SERVER_API_TOKENS_H

#include "server/app.h"
#include "server/http.h"

void api_encode(struct app *app, struct exchange *x);
void api_encode_resume(struct app *app, struct exchange *x);
void api_decode(struct app *app, struct exchange *x);

#endif
