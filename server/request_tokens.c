/*
 * POST /v1/encode and /v1/decode: from pictures to the tokens that stand for them, and back.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/mem.h"
#include "server/input_fields.h"
#include "server/request.h"

#define AT(member) offsetof(struct gen_request, member)

/* ---- tokens ---- */

/* One picture's tokens into ret[n_tokens]; how many and which there are is the model's to say.
 * name: "tokens", or "tokens[2]". */
static int read_tokens(const char *name, const json_t *list, int n_tokens, int32_t *ret,
                       struct err *e)
{
    size_t i;
    json_t *item;

    if (json_array_size(list) != (size_t)n_tokens)
        return err_set(e, ERR_INVALID, "%s: %zu tokens; the first picture has %d", name,
                       json_array_size(list), n_tokens);
    json_array_foreach (list, i, item) {
        json_int_t token = json_integer_value(item);
        if (!json_is_integer(item))
            return err_set(e, ERR_INVALID, "%s[%zu]: a whole number is expected, not %s", name, i,
                           field_json_kind(item));
        if (token < 0 || token > INT32_MAX)
            return err_set(e, ERR_INVALID, "%s[%zu]: %" JSON_INTEGER_FORMAT " is outside 0..%d",
                           name, i, token, INT32_MAX);
        ret[i] = (int32_t)token;
    }
    return 0;
}

/* Lists of tokens, one a picture. */
static int read_lists(const struct field *f, const json_t *lists, struct gen_request *r,
                      struct err *e)
{
    size_t i;
    json_t *item;

    json_array_foreach (lists, i, item) {
        char name[INPUT_NAME_MAX];
        snprintf(name, sizeof name, "%.12s[%zu]", f->name, i);
        if (!json_is_array(item))
            return err_set(e, ERR_INVALID, "%s: a list of tokens is expected, not %s", name,
                           field_json_kind(item));
        if (read_tokens(name, item, r->n_tokens, r->tokens + i * (size_t)r->n_tokens, e))
            return -1;
    }
    return 0;
}

static int take_tokens(struct gen_request *r, const char *name, size_t n, size_t each,
                       struct err *e)
{
    if (each < 1 || each > REQUEST_TOKENS_MAX)
        return err_set(e, ERR_INVALID, "%s: %zu a picture are outside 1..%d", name, each,
                       REQUEST_TOKENS_MAX);
    r->tokens = mem_alloc(n * each, sizeof *r->tokens);
    if (!r->tokens)
        return err_set(e, ERR_NOMEM, "%s: out of memory", name);
    r->n = (int)n;
    r->n_tokens = (int)each;
    return 0;
}

static int set_tokens(const struct field *f, const json_t *v, void *at,
                      const struct request_limits *limits, struct err *e)
{
    struct gen_request *r = at;
    const json_t *first = json_array_get(v, 0);
    bool several = json_is_array(first);
    size_t n = several ? json_array_size(v) : 1;

    (void)limits;
    if (!json_is_array(v))
        return field_mistyped(f, v, e);
    if (n > (size_t)f->max)
        return err_set(e, ERR_INVALID, "%s: a list of %zu is outside 1..%.0f", f->name, n, f->max);
    if (take_tokens(r, f->name, n, json_array_size(several ? first : v), e))
        return -1;
    return several ? read_lists(f, v, r, e) : read_tokens(f->name, v, r->n_tokens, r->tokens, e);
}

const struct field_type FIELD_TOKENS = { "a list of whole numbers, or a list of such lists",
                                         set_tokens };

/* ---- the tables ---- */

static const struct field ENCODE_ROWS[] = {
    { "images", &FIELD_IMAGES, 0, 0, 0, NULL, "",
      "up to 32 PNG, JPEG or WebP pictures, of which the square in the middle counts: base64, or "
      "`data:` URLs" },
    { .name = NULL },
};

const struct field_table ENCODE_FIELDS = { .rows = ENCODE_ROWS, .more = &COMMON_FIELDS };

static const struct field DECODE_ROWS[] = {
    { "tokens", &FIELD_TOKENS, 1, REQUEST_N_MAX, 0, NULL, "",
      "the tokens of a picture, row by row, or of up to 16 pictures" },
    { "output_format", &FIELD_CHOICE, 0, FORMAT_COUNT - 1, AT(output_format), FORMAT_CHOICES,
      "`\"png\"`", "of the pictures in the answer" },
    { "quality", &FIELD_INT, 1, 100, AT(quality), NULL, "90", "of JPEG and WebP" },
    { .name = NULL },
};

const struct field_table DECODE_FIELDS = { .rows = DECODE_ROWS, .more = &COMMON_FIELDS };

int encode_request_parse(const char *text, size_t n, const struct request_limits *limits,
                         struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                         struct err *e)
{
    struct gen_request r = gen_request_default(REQUEST_ENCODE, limits);

    if (gen_request_read(&ENCODE_FIELDS, text, n, limits, &r, ret_param, e))
        return -1;
    if (r.n_inputs == 0) {
        gen_request_release(&r);
        snprintf(ret_param, REQUEST_PARAM_MAX, "images");
        return err_set(e, ERR_INVALID, "images: missing");
    }
    *ret_request = r;
    return 0;
}

int decode_request_parse(const char *text, size_t n, const struct request_limits *limits,
                         struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                         struct err *e)
{
    struct gen_request r = gen_request_default(REQUEST_DECODE, limits);

    if (gen_request_read(&DECODE_FIELDS, text, n, limits, &r, ret_param, e))
        return -1;
    if (!r.tokens) {
        gen_request_release(&r);
        snprintf(ret_param, REQUEST_PARAM_MAX, "tokens");
        return err_set(e, ERR_INVALID, "tokens: missing");
    }
    *ret_request = r;
    return 0;
}
