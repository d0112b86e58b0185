/*
 * What front ends of AUTOMATIC1111's programs speak: /sdapi/v1/txt2img, progress and interrupt of
 * the client's own job, sd-models, samplers, options.
 */
#ifndef SERVER_API_SDAPI_H
#define SERVER_API_SDAPI_H

#include "server/app.h"
#include "server/http.h"

void api_txt2img(struct app *app, struct exchange *x);
void api_txt2img_resume(struct app *app, struct exchange *x);
void api_sd_progress(struct app *app, struct exchange *x);
void api_sd_interrupt(struct app *app, struct exchange *x);
void api_sd_models(struct app *app, struct exchange *x);
void api_sd_samplers(struct app *app, struct exchange *x);
void api_sd_options(struct app *app, struct exchange *x);
void api_sd_set_options(struct app *app, struct exchange *x);

#endif
