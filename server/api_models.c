#include "server/api_models.h"

#include <jansson.h>

#include "base/json.h"
#include "server/route.h"

static json_t *sampling_json(const struct bundle_sampling *s)
{
    return json_pack("{s:f,s:i,s:f,s:f}", "temperature", (double)s->temperature, "top_k", s->top_k,
                     "top_p", (double)s->top_p, "guidance_scale", (double)s->guidance);
}

static json_t *model_json(const struct app *app, const struct model_view *v)
{
    const struct engine_info *info = &v->info;
    json_t *o =
        json_pack("{s:s,s:s,s:I,s:s,s:s,s:I,s:i,s:i,s:i,s:i,s:i,s:i,s:o}", "id", info->model,
                  "object", "model", "created", (json_int_t)app->started_unix, "owned_by",
                  "clipgen", "state", model_state_name(v->state), "memory_bytes",
                  (json_int_t)engine_bytes(info), "width", info->side, "height", info->side,
                  "tokens", info->tokens, "codebook", info->codebook, "context", info->context,
                  "embedding", info->embed_dim, "defaults", sampling_json(&info->sampling));

    if (v->state == MODEL_FAILED)
        json_put(&o, "error", json_string(v->err.msg));
    return o;
}

json_t *api_models_json(const struct app *app)
{
    struct model_view views[MODELS_MAX];
    int n = models_list(app->models, views);
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_add(&list, model_json(app, &views[i]));
    return list;
}

void api_models(struct app *app, struct exchange *x)
{
    reply_json(&x->reply, json_pack("{s:s,s:o}", "object", "list", "data", api_models_json(app)));
}

void api_model(struct app *app, struct exchange *x)
{
    struct model_view view;
    char id[BUNDLE_NAME_MAX];
    struct err e;

    if (!route_arg(x->path, 2, id, sizeof id)) /* longer than any name */
        reply_error(&x->reply, 404, "model", "%.100s: no such model", x->path);
    else if (models_view(app->models, id, &view, &e))
        reply_err(&x->reply, &e, "model");
    else
        reply_json(&x->reply, model_json(app, &view));
}
