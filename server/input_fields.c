#include "server/input_fields.h"

#include <jansson.h>
#include <stdio.h>

#include "server/input_add.h"
#include "server/input_mix.h"

/* A request to draw is about one of prompt, image, embedding and mix. */
static int begin(struct gen_request *r, const struct field *f, struct err *e)
{
    if (r->kind == REQUEST_GENERATE && r->source)
        return err_set(e, ERR_INVALID,
                       "%s: %s is given already; a request has one of prompt, image, embedding and "
                       "mix, and a mix holds several",
                       f->name, r->source);
    r->source = f->name;
    return 0;
}

static void item_name(const struct field *f, size_t i, char name[INPUT_NAME_MAX])
{
    snprintf(name, INPUT_NAME_MAX, "%.12s[%zu]", f->name, i);
}

static int check_length(const struct field *f, const json_t *list, size_t max, struct err *e)
{
    size_t n = json_array_size(list);

    if (n < 1 || n > max)
        return err_set(e, ERR_INVALID, "%s: a list of %zu is outside 1..%zu", f->name, n, max);
    return 0;
}

/* A list of texts; numbered: each is a prompt of its own. */
static int add_texts(struct gen_request *r, const struct field *f, const json_t *list, size_t max,
                     bool numbered, struct err *e)
{
    char name[INPUT_NAME_MAX];
    size_t i;
    json_t *item;

    if (check_length(f, list, max, e))
        return -1;
    json_array_foreach (list, i, item) {
        item_name(f, i, name);
        if (input_add_text(r, numbered ? (int)i : 0, name, item, e))
            return -1;
    }
    return 0;
}

static int set_prompt(const struct field *f, const json_t *v, void *at,
                      const struct request_limits *limits, struct err *e)
{
    struct gen_request *r = at;

    (void)limits;
    if (begin(r, f, e))
        return -1;
    if (json_is_string(v))
        return input_add_text(r, 0, f->name, v, e);
    if (!json_is_array(v))
        return field_mistyped(f, v, e);
    r->n_prompts = (int)json_array_size(v);
    return add_texts(r, f, v, REQUEST_PROMPTS_MAX, true, e);
}

static int set_negative(const struct field *f, const json_t *v, void *at,
                        const struct request_limits *limits, struct err *e)
{
    (void)limits;
    if (json_is_string(v) && json_string_length(v) == 0)
        return 0;
    return input_add_text(at, INPUT_NEGATIVE, f->name, v, e);
}

static int set_image(const struct field *f, const json_t *v, void *at,
                     const struct request_limits *limits, struct err *e)
{
    return begin(at, f, e) ? -1 : input_add_image(at, f->name, v, limits, e);
}

static int set_embedding(const struct field *f, const json_t *v, void *at,
                         const struct request_limits *limits, struct err *e)
{
    (void)limits;
    return begin(at, f, e) ? -1 : input_add_embedding(at, f->name, v, e);
}

static int set_texts(const struct field *f, const json_t *v, void *at,
                     const struct request_limits *limits, struct err *e)
{
    (void)limits;
    if (json_is_string(v))
        return input_add_text(at, 0, f->name, v, e);
    if (!json_is_array(v))
        return field_mistyped(f, v, e);
    return add_texts(at, f, v, REQUEST_INPUTS_MAX, false, e);
}

static int set_images(const struct field *f, const json_t *v, void *at,
                      const struct request_limits *limits, struct err *e)
{
    char name[INPUT_NAME_MAX];
    size_t i;
    json_t *item;

    if (json_is_string(v))
        return input_add_image(at, f->name, v, limits, e);
    if (!json_is_array(v))
        return field_mistyped(f, v, e);
    if (check_length(f, v, REQUEST_INPUTS_MAX, e))
        return -1;
    json_array_foreach (v, i, item) {
        item_name(f, i, name);
        if (input_add_image(at, name, item, limits, e))
            return -1;
    }
    return 0;
}

/* What a mix says is kept in pictures, as a prompt is. */
static int check_texts(const struct field *f, const struct gen_request *r, struct err *e)
{
    size_t n = 0;

    for (int i = 0; i < r->n_inputs; i++)
        n += r->inputs[i].prompt == 0 ? r->inputs[i].text_len : 0;
    if (n > REQUEST_PROMPT_MAX)
        return err_set(e, ERR_INVALID, "%s: %zu bytes of text together are over %d", f->name, n,
                       REQUEST_PROMPT_MAX);
    return 0;
}

static int set_mix(const struct field *f, const json_t *v, void *at,
                   const struct request_limits *limits, struct err *e)
{
    char name[INPUT_NAME_MAX];
    size_t i;
    json_t *item;

    if (!json_is_array(v))
        return field_mistyped(f, v, e);
    if (begin(at, f, e) || check_length(f, v, REQUEST_MIX_MAX, e))
        return -1;
    json_array_foreach (v, i, item) {
        item_name(f, i, name);
        if (input_add_mixed(at, name, item, limits, e))
            return -1;
    }
    return check_texts(f, at, e);
}

const struct field_type FIELD_PROMPT = { "a string, or a list of strings", set_prompt };
const struct field_type FIELD_NEGATIVE = { "a string", set_negative };
const struct field_type FIELD_IMAGE = { "a string", set_image };
const struct field_type FIELD_EMBEDDING = { "a list of numbers, or a string", set_embedding };
const struct field_type FIELD_MIX = { "a list", set_mix };
const struct field_type FIELD_TEXTS = { "a string, or a list of strings", set_texts };
const struct field_type FIELD_IMAGES = { "a string, or a list of strings", set_images };
