/*
 * POST /sdapi/v1/txt2img as AUTOMATIC1111's programs define it, as far as its fields have a meaning
 * here. Front ends send dozens of others, which are passed over; what /v1/generate takes is taken
 * as well.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "server/input_fields.h"
#include "server/request.h"

struct txt2img {
    struct gen_request r; /* first: /v1/generate's fields are of it */
    int batch_size, n_iter;
};

#define AT(member) offsetof(struct txt2img, member)

/* ---- override_settings: an object, of which the model counts ---- */

static const struct field SETTINGS_ROWS[] = {
    { "sd_model_checkpoint", &FIELD_WORD, 0, BUNDLE_NAME_MAX - 1,
      offsetof(struct gen_request, model), NULL, "the first", "name of the model" },
    { .name = NULL },
};

const struct field_table SDAPI_OPTIONS_FIELDS = { .rows = SETTINGS_ROWS, .others_ignored = true };

static int set_settings(const struct field *f, const json_t *v, void *at,
                        const struct request_limits *limits, struct err *e)
{
    struct gen_request *r = at;
    const json_t *model = json_object_get(v, SETTINGS_ROWS[0].name);

    if (!json_is_object(v))
        return field_mistyped(f, v, e);
    return model && !json_is_null(model)
               ? FIELD_WORD.set(&SETTINGS_ROWS[0], model, r->model, limits, e)
               : 0;
}

const struct field_type FIELD_SETTINGS = { "an object", set_settings };

/* ---- the body ---- */

static const struct field ROWS[] = {
    { "seed", &FIELD_WHOLE, -1, (double)REQUEST_SEED_MAX, AT(r.seed), NULL, "-1",
      "as in `/v1/generate`; -1: random" },
    { "cfg_scale", &FIELD_REAL, SAMPLING_GUIDANCE_MIN, SAMPLING_GUIDANCE_MAX, AT(r.guidance), NULL,
      "the model's", "`guidance_scale`" },
    { "batch_size", &FIELD_INT, 1, REQUEST_N_MAX, AT(batch_size), NULL, "1",
      "pictures; times `n_iter` at most 16" },
    { "n_iter", &FIELD_INT, 1, REQUEST_N_MAX, AT(n_iter), NULL, "1", "how often so many" },
    { "override_settings", &FIELD_SETTINGS, 0, 0, AT(r), NULL, "",
      "`sd_model_checkpoint` in it is the model" },
    { .name = NULL },
};

const struct field_table TXT2IMG_FIELDS = { .rows = ROWS,
                                            .more = &GENERATE_FIELDS,
                                            .others_ignored = true };

static int check_count(struct txt2img *t, char ret_param[REQUEST_PARAM_MAX], struct err *e)
{
    t->r.n = t->batch_size * t->n_iter;
    if (t->r.n <= REQUEST_N_MAX)
        return 0;
    snprintf(ret_param, REQUEST_PARAM_MAX, "batch_size");
    return err_set(e, ERR_INVALID, "batch_size: %d times n_iter %d are %d pictures, more than %d",
                   t->batch_size, t->n_iter, t->r.n, REQUEST_N_MAX);
}

int txt2img_request_parse(const char *text, size_t n, const struct request_limits *limits,
                          struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                          struct err *e)
{
    struct txt2img t = { gen_request_default(REQUEST_GENERATE, limits), 1, 1 };
    int failed = fields_parse(&TXT2IMG_FIELDS, text, n, &t, limits, ret_param, e);

    t.r.stream = false; /* their answers never are */
    t.r.partials = 0;
    if (failed || check_count(&t, ret_param, e) || gen_request_check(&t.r, limits, ret_param, e)) {
        gen_request_release(&t.r);
        return -1;
    }
    *ret_request = t.r;
    return 0;
}

int sdapi_options_parse(const char *text, size_t n, const struct request_limits *limits,
                        char ret_model[BUNDLE_NAME_MAX], char ret_param[REQUEST_PARAM_MAX],
                        struct err *e)
{
    struct gen_request r = gen_request_default(REQUEST_EMBED, limits);

    if (fields_parse(&SDAPI_OPTIONS_FIELDS, text, n, &r, limits, ret_param, e))
        return -1;
    memcpy(ret_model, r.model, sizeof r.model);
    return 0;
}
