/*
 * POST /v1/images/generations and /v1/images/variations as OpenAI defines them. What /v1/generate
 * takes is taken as well, as top-level fields; what has no meaning here is passed over.
 */
#include <jansson.h>
#include <string.h>

#include "server/input_add.h"
#include "server/input_fields.h"
#include "server/multipart.h"
#include "server/request.h"

#define AT(member) offsetof(struct gen_request, member)

/* "512x512" or "auto". A model has one size, which the answer tells. */
static int set_size(const struct field *f, const json_t *v, void *at,
                    const struct request_limits *limits, struct err *e)
{
    const char *text = json_string_value(v);
    size_t w, h;

    (void)at;
    (void)limits;
    if (!json_is_string(v))
        return field_mistyped(f, v, e);
    if (strcmp(text, "auto") == 0)
        return 0;
    w = strspn(text, "0123456789");
    h = text[w] == 'x' ? strspn(text + w + 1, "0123456789") : 0;
    if (w < 1 || w > 5 || h < 1 || h > 5 || text[w + 1 + h])
        return err_set(e, ERR_INVALID, "%s: '%.40s' is neither auto nor like 512x512", f->name,
                       text);
    return 0;
}

const struct field_type FIELD_SIZE = { "a string", set_size };

static const struct field ROWS[] = {
    { "size", &FIELD_SIZE, 0, 0, 0, NULL, "`\"auto\"`",
      "`auto` or like `512x512`: the model draws the one size that it has, and the answer says "
      "which" },
    { "response_format", &FIELD_CHOICE, 0, 1, AT(as_url), REQUEST_RESPONSE_FORMATS,
      "`\"b64_json\"`", "`url` gives `data:` URLs, since no pictures are kept" },
    { "output_compression", &FIELD_INT, 0, 100, AT(quality), NULL, "100",
      "quality of JPEG and WebP" },
    { "quality", &FIELD_UNUSED, 0, 0, 0, NULL, "", "has no meaning here" },
    { "background", &FIELD_UNUSED, 0, 0, 0, NULL, "", "has no meaning here" },
    { "moderation", &FIELD_UNUSED, 0, 0, 0, NULL, "", "has no meaning here" },
    { "style", &FIELD_UNUSED, 0, 0, 0, NULL, "", "has no meaning here" },
    { .name = NULL },
};

const struct field_table OPENAI_FIELDS = { .rows = ROWS, .more = &GENERATE_FIELDS };

static struct gen_request openai_default(const struct request_limits *limits)
{
    struct gen_request r = gen_request_default(REQUEST_GENERATE, limits);

    r.quality = 100;
    return r;
}

static int check(struct gen_request *r, const struct request_limits *limits,
                 char ret_param[REQUEST_PARAM_MAX], struct err *e)
{
    if (r->quality < 1) /* OpenAI counts from 0 */
        r->quality = 1;
    return gen_request_check(r, limits, ret_param, e);
}

int openai_request_parse(const char *text, size_t n, const struct request_limits *limits,
                         struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                         struct err *e)
{
    struct gen_request r = openai_default(limits);

    if (fields_parse(&OPENAI_FIELDS, text, n, &r, limits, ret_param, e) ||
        check(&r, limits, ret_param, e)) {
        gen_request_release(&r);
        return -1;
    }
    *ret_request = r;
    return 0;
}

/* ---- the form of variations ---- */

static int take_part(const struct multipart_part *p, const struct request_limits *limits,
                     struct gen_request *r, struct err *e)
{
    if (!p->is_file)
        return fields_set_text(&OPENAI_FIELDS, p->name, p->data, p->n, r, limits, e);
    if (strcmp(p->name, "image") != 0)
        return err_set(e, ERR_INVALID, "%s: the only file is image", p->name);
    if (r->source)
        return err_set(e, ERR_INVALID, "image: %s is given already", r->source);
    r->source = "image";
    return input_add_file(r, "image", p->data, p->n, limits, e);
}

static int take_parts(struct multipart *m, const struct request_limits *limits,
                      struct gen_request *r, char ret_param[REQUEST_PARAM_MAX], struct err *e)
{
    struct multipart_part part;
    int more;

    while ((more = multipart_next(m, &part, e)) > 0) {
        memcpy(ret_param, part.name, sizeof part.name);
        if (take_part(&part, limits, r, e))
            return -1;
        ret_param[0] = 0;
    }
    return more;
}

int variations_request_parse(const char *type, const char *body, size_t n,
                             const struct request_limits *limits, struct gen_request *ret_request,
                             char ret_param[REQUEST_PARAM_MAX], struct err *e)
{
    struct gen_request r = openai_default(limits);
    struct multipart m;

    ret_param[0] = 0;
    if (multipart_begin(&m, type, body, n, e) || take_parts(&m, limits, &r, ret_param, e) ||
        check(&r, limits, ret_param, e)) {
        gen_request_release(&r);
        return -1;
    }
    *ret_request = r;
    return 0;
}
