#include "server/api_models.h"

#include <jansson.h>
#include <string.h>

#include "server/route.h"

static json_t *sampling_json(const struct bundle_sampling *s)
{
    return json_pack("{s:f,s:i,s:f,s:f}", "temperature", (double)s->temperature, "top_k", s->top_k,
                     "top_p", (double)s->top_p, "guidance_scale", (double)s->guidance);
}

json_t *api_models_json(const struct app *app)
{
    const struct engine_info *info = &app->engine->info;

    return json_pack("{s:s,s:s,s:I,s:s,s:i,s:i,s:i,s:o}", "id", info->model, "object", "model",
                     "created", (json_int_t)app->started_unix, "owned_by", "clipgen", "width",
                     info->side, "height", info->side, "tokens", info->tokens, "defaults",
                     sampling_json(&info->sampling));
}

void api_models(struct app *app, struct exchange *x)
{
    reply_json(&x->reply, json_pack("{s:s,s:[o]}", "object", "list", "data", api_models_json(app)));
}

void api_model(struct app *app, struct exchange *x)
{
    char id[BUNDLE_NAME_MAX] = "";

    route_arg(x->path, 2, id, sizeof id);
    if (strcmp(id, app->engine->info.model) == 0)
        reply_json(&x->reply, api_models_json(app));
    else
        reply_error(&x->reply, 404, "model", "model: '%s' is not served here; %s is", id,
                    app->engine->info.model);
}
