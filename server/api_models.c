#include "server/api_models.h"

#include <jansson.h>

static json_t *sampling_json(const struct bundle_sampling *s)
{
    return json_pack("{s:f,s:i,s:f,s:f}", "temperature", (double)s->temperature, "top_k", s->top_k,
                     "top_p", (double)s->top_p, "guidance_scale", (double)s->guidance);
}

void api_models(struct app *app, struct exchange *x)
{
    const struct engine_info *info = &app->engine->info;

    reply_json(&x->reply, json_pack("{s:s,s:[{s:s,s:s,s:I,s:s,s:i,s:i,s:i,s:o}]}", "object", "list",
                                    "data", "id", info->model, "object", "model", "created",
                                    (json_int_t)app->started_unix, "owned_by", "clipgen", "width",
                                    info->side, "height", info->side, "tokens", info->tokens,
                                    "defaults", sampling_json(&info->sampling)));
}
