#include "server/input_add.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/format.h"
#include "base/mem.h"
#include "server/fields.h"

struct input *input_add(struct gen_request *r, enum input_kind kind, int prompt, const char *name,
                        struct err *e)
{
    struct input *grown;

    if (r->n_inputs == REQUEST_INPUTS_MAX) {
        err_set(e, ERR_INVALID, "%s: more than %d inputs", name, REQUEST_INPUTS_MAX);
        return NULL;
    }
    grown = mem_resize(r->inputs, (size_t)r->n_inputs + 1, sizeof *grown);
    if (!grown) {
        err_set(e, ERR_NOMEM, "%s: out of memory", name);
        return NULL;
    }
    r->inputs = grown;
    grown += r->n_inputs++;
    *grown = (struct input){ .kind = kind, .prompt = prompt, .weight = 1 };
    snprintf(grown->name, sizeof grown->name, "%s", name);
    return grown;
}

static int mistyped(const char *name, const char *expected, const json_t *v, struct err *e)
{
    return err_set(e, ERR_INVALID, "%s: %s is expected, not %s", name, expected,
                   field_json_kind(v));
}

int input_add_text(struct gen_request *r, int prompt, const char *name, const json_t *v,
                   struct err *e)
{
    size_t n = json_string_length(v);
    struct input *in;

    if (!json_is_string(v))
        return mistyped(name, "a string", v, e);
    if (n < 1 || n > REQUEST_PROMPT_MAX)
        return err_set(e, ERR_INVALID, "%s: %zu bytes is outside 1..%d", name, n,
                       REQUEST_PROMPT_MAX);
    in = input_add(r, INPUT_TEXT, prompt, name, e);
    if (!in)
        return -1;
    in->text = mem_strndup(json_string_value(v), n);
    in->text_len = n;
    return in->text ? 0 : err_set(e, ERR_NOMEM, "%s: out of memory", name);
}

/* "data:image/png;base64,AAAA" -> "AAAA"; plain base64 stays as it is. */
static int skip_data_url(const char **text, size_t *n, struct err *e)
{
    const char *comma, *end;

    if (*n < 5 || memcmp(*text, "data:", 5) != 0)
        return 0;
    comma = memchr(*text, ',', *n);
    end = comma ? comma : *text;
    if (end - *text < 7 || memcmp(end - 7, ";base64", 7) != 0)
        return err_set(e, ERR_INVALID,
                       "a data URL must be data:image/png;base64,... (or jpeg, webp)");
    *n -= (size_t)(comma + 1 - *text);
    *text = comma + 1;
    return 0;
}

static int decode(const char *text, size_t n, struct buf *bytes, struct err *e)
{
    buf_init(bytes, n + 1); /* base64 only shrinks */
    return base64_decode(text, n, bytes, e);
}

int input_add_file(struct gen_request *r, const char *name, const void *data, size_t n,
                   const struct request_limits *limits, struct err *e)
{
    struct input *in = input_add(r, INPUT_IMAGE, 0, name, e);

    if (!in)
        return -1;
    if (format_decode(data, n, limits->image_pixels, &in->image, e))
        return err_prefix(e, "%s: ", name);
    return 0;
}

int input_add_image(struct gen_request *r, const char *name, const json_t *v,
                    const struct request_limits *limits, struct err *e)
{
    const char *text = json_string_value(v);
    size_t n = json_string_length(v);
    struct buf bytes;
    int failed;

    if (!json_is_string(v))
        return mistyped(name, "a string", v, e);
    if (skip_data_url(&text, &n, e))
        return err_prefix(e, "%s: ", name);
    if (decode(text, n, &bytes, e))
        failed = err_prefix(e, "%s: ", name);
    else
        failed = input_add_file(r, name, bytes.data, bytes.len, limits, e);
    buf_release(&bytes);
    return failed;
}

/* ---- embeddings ---- */

/* Place for n of them; how many there must be is the model's to say. */
static int take_floats(struct input *in, size_t n, struct err *e)
{
    if (n < 1 || n > REQUEST_EMBED_MAX)
        return err_set(e, ERR_INVALID, "%zu numbers are outside 1..%d", n, REQUEST_EMBED_MAX);
    in->given = mem_alloc(n, sizeof *in->given);
    if (!in->given)
        return err_set(e, ERR_NOMEM, "out of memory");
    in->n_given = (int)n;
    return 0;
}

static int floats_of_list(struct input *in, const json_t *v, struct err *e)
{
    size_t i;
    json_t *item;

    if (take_floats(in, json_array_size(v), e))
        return -1;
    json_array_foreach (v, i, item) {
        if (!json_is_number(item))
            return err_set(e, ERR_INVALID, "element %zu: a number is expected, not %s", i,
                           field_json_kind(item));
        in->given[i] = (float)json_number_value(item);
    }
    return 0;
}

static int floats_of_bytes(struct input *in, const struct buf *bytes, struct err *e)
{
    if (bytes->len % sizeof *in->given)
        return err_set(e, ERR_INVALID, "%zu bytes of base64 are no 32-bit floats", bytes->len);
    if (take_floats(in, bytes->len / sizeof *in->given, e))
        return -1;
    memcpy(in->given, bytes->data, bytes->len); /* little endian, as every machine we build for */
    return 0;
}

static int floats_of_text(struct input *in, const json_t *v, struct err *e)
{
    struct buf bytes;
    int failed = decode(json_string_value(v), json_string_length(v), &bytes, e) ||
                 floats_of_bytes(in, &bytes, e);

    buf_release(&bytes);
    return failed ? -1 : 0;
}

static int make_unit(struct input *in, struct err *e)
{
    double squares = 0;

    for (int i = 0; i < in->n_given; i++) {
        if (!isfinite(in->given[i]))
            return err_set(e, ERR_INVALID, "element %d is no number", i);
        squares += (double)in->given[i] * in->given[i];
    }
    if (squares == 0)
        return err_set(e, ERR_INVALID, "all elements are 0");
    for (int i = 0; i < in->n_given; i++)
        in->given[i] = (float)(in->given[i] / sqrt(squares));
    return 0;
}

int input_add_embedding(struct gen_request *r, const char *name, const json_t *v, struct err *e)
{
    struct input *in;

    if (!json_is_array(v) && !json_is_string(v))
        return mistyped(name, INPUT_EMBEDDING_KIND, v, e);
    in = input_add(r, INPUT_EMBEDDING, 0, name, e);
    if (!in)
        return -1;
    in->source = GEN_IMAGE;
    if ((json_is_array(v) ? floats_of_list(in, v, e) : floats_of_text(in, v, e)) ||
        make_unit(in, e))
        return err_prefix(e, "%s: ", name);
    return 0;
}
