#include "server/api_capabilities.h"

#include <jansson.h>
#include <string.h>

#include "base/json.h"
#include "server/api_models.h"
#include "server/http.h"
#include "server/route.h"

static json_t *words_json(const char *choices)
{
    json_t *list = json_array();

    for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|')
        json_add(&list, json_stringn(c, strcspn(c, "|")));
    return list;
}

static json_t *field_json(const struct field *f)
{
    json_t *o = json_pack("{s:s,s:s}", "type", f->type->kind, "meaning", f->help);

    if (f->choices)
        json_put(&o, "choices", words_json(f->choices));
    else if (f->max > f->min)
        json_merge(&o, json_pack("{s:f,s:f}", "min", f->min, "max", f->max));
    if (*f->standard)
        json_put(&o, "default", json_string(f->standard));
    return o;
}

static json_t *fields_json(const struct field_table *t)
{
    json_t *o = json_object();

    for (; t; t = t->more)
        for (const struct field *f = t->rows; f->name; f++)
            json_put(&o, f->name, field_json(f));
    return o;
}

static json_t *endpoints_json(void)
{
    json_t *o = json_object();

    for (const struct route *r = ROUTES_WORK; r->path; r++)
        if (r->fields)
            json_put(&o, r->path, fields_json(r->fields));
    return o;
}

#define MS(ns) ((ns) / 1000000)

static json_t *limits_json(const struct app *app)
{
    const struct request_limits *l = &app->limits;
    const struct app_told *t = &app->told;
    const struct {
        const char *name;
        int64_t value;
    } limits[] = {
        { "n", REQUEST_N_MAX },
        { "candidates", REQUEST_CANDIDATES_MAX },
        { "prompts", REQUEST_PROMPTS_MAX },
        { "prompt_bytes", REQUEST_PROMPT_MAX },
        { "inputs", REQUEST_INPUTS_MAX },
        { "mix", REQUEST_MIX_MAX },
        { "embedding", REQUEST_EMBED_MAX },
        { "seed", REQUEST_SEED_MAX },
        { "timeout_ms", l->timeout_ms },
        { "image_pixels", (int64_t)l->image_pixels },
        { "json_depth", FIELDS_DEPTH_MAX },
        { "body_bytes", (int64_t)app->body_max },
        { "header_bytes", (int64_t)HTTP_HEADER_MAX },
        { "request_id_bytes", JOB_ID_MAX - 1 },
        { "idempotency_key_bytes", SHELF_KEY_MAX - 1 },
        { "queue_pictures", app->queue_max },
        { "jobs", t->jobs },
        { "jobs_ttl_ms", MS(t->jobs_ttl_ns) },
        { "connections", t->connections },
        { "header_timeout_ms", MS(t->header_ns) },
        { "body_timeout_ms", MS(t->body_ns) },
        { "write_timeout_ms", MS(t->write_ns) },
        { "idle_timeout_ms", MS(t->idle_ns) },
    };
    json_t *o = json_object();

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        json_put(&o, limits[i].name, json_integer((json_int_t)limits[i].value));
    return o;
}

void api_capabilities(struct app *app, struct exchange *x)
{
    json_t *models = api_models_json(app);

    reply_json(&x->reply, json_pack("{s:s,s:O,s:o,s:o,s:o,s:o}", "version", CLIPGEN_VERSION,
                                    "model", json_array_get(models, 0), "models", models, "limits",
                                    limits_json(app), "output_formats", words_json(FORMAT_CHOICES),
                                    "endpoints", endpoints_json()));
}
