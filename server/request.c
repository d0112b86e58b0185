#include "server/request.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/jpeg.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/png.h"
#include "base/rng.h"

enum field_type {
    FIELD_TEXT,
    FIELD_IMAGE,
    FIELD_INT,
    FIELD_SEED,
    FIELD_REAL,
    FIELD_CHOICE,
    FIELD_RETURN,
};

struct field {
    const char *name;
    enum field_type type;
    double min, max;
    size_t offset;        /* in struct gen_request */
    const char *standard; /* what holds when the field is left out, for people */
    const char *help;
    const char *choices; /* CHOICE: "high|normal|low", stored as the index; min and max span it */
};

#define AT(member) offsetof(struct gen_request, member)

static const struct field FIELDS[] = {
    { "prompt", FIELD_TEXT, 1, REQUEST_PROMPT_MAX, AT(inputs), "",
      "what to draw, in words (UTF-8; limits in bytes)", NULL },
    { "image", FIELD_IMAGE, 0, 0, AT(inputs), "",
      "a PNG or JPEG to draw something alike: base64, or a `data:` URL; instead of `prompt`",
      NULL },
    { "n", FIELD_INT, 1, REQUEST_N_MAX, AT(n), "1", "pictures in the answer", NULL },
    { "candidates", FIELD_INT, 1, REQUEST_CANDIDATES_MAX, AT(candidates), "`n`",
      "pictures to draw, `n` at least; the `n` that CLIP finds closest to the prompt are kept, "
      "best "
      "first",
      NULL },
    { "seed", FIELD_SEED, 0, (double)REQUEST_SEED_MAX, AT(seed), "random",
      "picture i has seed (`seed` + i) mod 2^53; the same seed gives the same picture", NULL },
    { "temperature", FIELD_REAL, 0, SAMPLING_TEMPERATURE_MAX, AT(temperature), "the model's",
      "above 1 wilder, below 1 tamer; 0 always takes the likeliest token", NULL },
    { "top_k", FIELD_INT, 0, SAMPLING_TOP_K_MAX, AT(top_k), "the model's",
      "draw each token from the k likeliest; 0: from all", NULL },
    { "top_p", FIELD_REAL, 0, 1, AT(top_p), "the model's",
      "draw each token from the likeliest that together have this probability; 1: from all", NULL },
    { "guidance_scale", FIELD_REAL, SAMPLING_GUIDANCE_MIN, SAMPLING_GUIDANCE_MAX, AT(guidance),
      "the model's", "how strongly the prompt pulls; 1: no guidance", NULL },
    { "return", FIELD_RETURN, 0, 0, AT(want_tokens), "[]",
      "list of extras in the answer: `\"tokens\"`, the tokens of each picture", NULL },
    { "priority", FIELD_CHOICE, PRIORITY_HIGH, PRIORITY_LOW, AT(priority), "`\"normal\"`",
      "who is drawn first while requests wait; clients of one class take turns",
      "high|normal|low" },
    { "timeout_ms", FIELD_INT, 1, REQUEST_TIMEOUT_MS_MAX, AT(timeout_ms), "`timeout_s`",
      "milliseconds after which the request is given up with 504; at most the daemon's "
      "`timeout_s`",
      NULL },
};

#define N_FIELDS (sizeof FIELDS / sizeof FIELDS[0])

struct parse {
    struct gen_request *r;
    const struct request_limits *limits;
    bool seeded;
};

static void *member(const struct parse *p, const struct field *f)
{
    return (char *)p->r + f->offset;
}

static const struct field *field_find(const char *name)
{
    for (size_t i = 0; i < N_FIELDS; i++)
        if (strcmp(FIELDS[i].name, name) == 0)
            return &FIELDS[i];
    return NULL;
}

/* ---- messages ---- */

static const char *json_kind(const json_t *v)
{
    static const char *const KINDS[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",       [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a real number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return KINDS[json_typeof(v)];
}

static const char *field_kind(enum field_type t)
{
    static const char *const KINDS[] = {
        [FIELD_TEXT] = "a string",       [FIELD_IMAGE] = "a string", [FIELD_INT] = "a whole number",
        [FIELD_SEED] = "a whole number", [FIELD_REAL] = "a number",  [FIELD_CHOICE] = "a string",
        [FIELD_RETURN] = "a list",
    };
    return KINDS[t];
}

static int mistyped(const struct field *f, const json_t *v, struct err *e)
{
    return err_set(e, ERR_INVALID, "%s: %s is expected, not %s", f->name, field_kind(f->type),
                   json_kind(v));
}

static int unknown(const char *name, struct err *e)
{
    struct buf known;

    buf_init(&known, 512);
    for (size_t i = 0; i < N_FIELDS; i++)
        buf_printf(&known, "%s%s", i ? ", " : "", FIELDS[i].name);
    err_set(e, ERR_INVALID, "%.60s: unknown field; known are %s", name,
            known.data ? known.data : "");
    buf_release(&known);
    return -1;
}

/* ---- one setter a type ---- */

/* One more input, all zero, at the end of the list; NULL without memory. */
static struct input *add_input(struct gen_request *r, struct err *e)
{
    struct input *grown = mem_resize(r->inputs, (size_t)r->n_inputs + 1, sizeof *grown);

    if (!grown) {
        err_set(e, ERR_NOMEM, "out of memory");
        return NULL;
    }
    r->inputs = grown;
    grown += r->n_inputs++;
    *grown = (struct input){ .weight = 1 };
    return grown;
}

static int set_text(const struct field *f, const json_t *v, struct parse *p, struct err *e)
{
    size_t n = json_string_length(v);
    struct input *in;

    if (!json_is_string(v))
        return mistyped(f, v, e);
    if (n < (size_t)f->min || n > (size_t)f->max)
        return err_set(e, ERR_INVALID, "%s: %zu bytes is outside %.0f..%.0f", f->name, n, f->min,
                       f->max);
    in = add_input(p->r, e);
    if (!in)
        return err_prefix(e, "%s: ", f->name);
    in->text = mem_strndup(json_string_value(v), n);
    if (!in->text)
        return err_set(e, ERR_NOMEM, "%s: out of memory", f->name);
    in->text_len = n;
    return 0;
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
                       "a data URL must be data:image/png;base64,... or "
                       "data:image/jpeg;base64,...");
    *n -= (size_t)(comma + 1 - *text);
    *text = comma + 1;
    return 0;
}

static int decode_picture(const struct buf *bytes, size_t max_pixels, struct image *ret_img,
                          struct err *e)
{
    if (png_is(bytes->data, bytes->len))
        return png_decode(bytes->data, bytes->len, max_pixels, ret_img, e);
    if (jpeg_is(bytes->data, bytes->len))
        return jpeg_decode(bytes->data, bytes->len, max_pixels, ret_img, e);
    return err_set(e, ERR_FORMAT, "neither a PNG nor a JPEG");
}

static int set_image(const struct field *f, const json_t *v, struct parse *p, struct err *e)
{
    const char *text = json_string_value(v);
    size_t n = json_string_length(v);
    struct input *in;
    struct buf bytes;
    int failed;

    if (!json_is_string(v))
        return mistyped(f, v, e);
    in = add_input(p->r, e);
    if (!in)
        return err_prefix(e, "%s: ", f->name);
    in->kind = INPUT_IMAGE;
    buf_init(&bytes, n + 1); /* base64 only shrinks */
    failed = skip_data_url(&text, &n, e) || base64_decode(text, n, &bytes, e) ||
             decode_picture(&bytes, p->limits->image_pixels, &in->image, e);
    buf_release(&bytes);
    return failed ? err_prefix(e, "%s: ", f->name) : 0;
}

static int whole_number(const struct field *f, const json_t *v, int64_t *ret, struct err *e)
{
    json_int_t value = json_integer_value(v);

    if (!json_is_integer(v))
        return mistyped(f, v, e);
    if (value < (json_int_t)f->min || value > (json_int_t)f->max)
        return err_set(e, ERR_INVALID, "%s: %" JSON_INTEGER_FORMAT " is outside %.0f..%.0f",
                       f->name, value, f->min, f->max);
    *ret = value;
    return 0;
}

static int set_int(const struct field *f, const json_t *v, struct parse *p, struct err *e)
{
    int64_t value = 0;

    if (whole_number(f, v, &value, e))
        return -1;
    *(int *)member(p, f) = (int)value;
    return 0;
}

static int set_seed(const struct field *f, const json_t *v, struct parse *p, struct err *e)
{
    int64_t value = 0;

    if (whole_number(f, v, &value, e))
        return -1;
    *(uint64_t *)member(p, f) = (uint64_t)value;
    p->seeded = true;
    return 0;
}

static int set_real(const struct field *f, const json_t *v, struct parse *p, struct err *e)
{
    double value = json_number_value(v);

    if (!json_is_number(v))
        return mistyped(f, v, e);
    if (!(value >= f->min && value <= f->max))
        return err_set(e, ERR_INVALID, "%s: %g is outside %g..%g", f->name, value, f->min, f->max);
    *(float *)member(p, f) = (float)value;
    return 0;
}

static int set_choice(const struct field *f, const json_t *v, struct parse *p, struct err *e)
{
    if (!json_is_string(v))
        return mistyped(f, v, e);
    return num_parse_choice(json_string_value(v), f->name, f->choices, member(p, f), e);
}

static int set_return(const struct field *f, const json_t *v, struct parse *p, struct err *e)
{
    size_t i;
    json_t *item;

    if (!json_is_array(v))
        return mistyped(f, v, e);
    json_array_foreach(v, i, item)
    {
        if (!json_is_string(item))
            return err_set(e, ERR_INVALID, "%s: the list holds strings, not %s", f->name,
                           json_kind(item));
        if (strcmp(json_string_value(item), "tokens") != 0)
            return err_set(e, ERR_INVALID, "%s: \"%.60s\" is unknown; known is \"tokens\"", f->name,
                           json_string_value(item));
        *(bool *)member(p, f) = true;
    }
    return 0;
}

typedef int set_fn(const struct field *f, const json_t *v, struct parse *p, struct err *e);

static set_fn *const SETTERS[] = {
    [FIELD_TEXT] = set_text,     [FIELD_IMAGE] = set_image, [FIELD_INT] = set_int,
    [FIELD_SEED] = set_seed,     [FIELD_REAL] = set_real,   [FIELD_CHOICE] = set_choice,
    [FIELD_RETURN] = set_return,
};

/* ---- the request as a whole ---- */

/* jansson recurses on nested values and allows 2048: a stack we would rather not give away. */
static int check_depth(const char *text, size_t n, struct err *e)
{
    int depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']'))
            depth--;
        if (depth > REQUEST_DEPTH_MAX)
            return err_set(e, ERR_INVALID, "body: nested deeper than %d", REQUEST_DEPTH_MAX);
    }
    return 0;
}

static json_t *parse_object(const char *text, size_t n, struct err *e)
{
    json_error_t why;
    json_t *root;

    if (check_depth(text, n, e))
        return NULL;
    root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!root) {
        err_set(e, ERR_INVALID, "body: not JSON: line %d, column %d: %s", why.line, why.column,
                why.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        err_set(e, ERR_INVALID, "body: a JSON object is expected, not %s", json_kind(root));
        json_decref(root);
        return NULL;
    }
    return root;
}

static int set_fields(json_t *root, struct parse *p, char *ret_param, struct err *e)
{
    const char *name;
    json_t *value;

    json_object_foreach(root, name, value)
    {
        const struct field *f = field_find(name);
        snprintf(ret_param, REQUEST_PARAM_MAX, "%s", name);
        if (!f)
            return unknown(name, e);
        if (!json_is_null(value) && SETTERS[f->type](f, value, p, e))
            return -1;
    }
    ret_param[0] = 0;
    return 0;
}

static int check_timeout(const struct gen_request *r, const struct request_limits *limits,
                         char *ret_param, struct err *e)
{
    if (r->timeout_ms <= limits->timeout_ms)
        return 0;
    snprintf(ret_param, REQUEST_PARAM_MAX, "timeout_ms");
    return err_set(e, ERR_INVALID, "timeout_ms: %d is outside 1..%d, the daemon's timeout_s",
                   r->timeout_ms, limits->timeout_ms);
}

static int check_together(struct gen_request *r, char *ret_param, struct err *e)
{
    if (r->n_inputs == 0) {
        snprintf(ret_param, REQUEST_PARAM_MAX, "prompt");
        return err_set(e, ERR_INVALID, "prompt: missing; give a prompt or an image");
    }
    if (r->n_inputs == 2) {
        snprintf(ret_param, REQUEST_PARAM_MAX, "image");
        return err_set(e, ERR_INVALID, "image: give a prompt or an image, not both");
    }
    if (!r->candidates)
        r->candidates = r->n;
    if (r->candidates < r->n) {
        snprintf(ret_param, REQUEST_PARAM_MAX, "candidates");
        return err_set(e, ERR_INVALID, "candidates: %d is outside %d..%d: n is %d", r->candidates,
                       r->n, REQUEST_CANDIDATES_MAX, r->n);
    }
    return 0;
}

int gen_request_parse(const char *text, size_t n, const struct request_limits *limits,
                      struct gen_request *ret_request, char ret_param[REQUEST_PARAM_MAX],
                      struct err *e)
{
    struct gen_request r = {
        .n_prompts = 1,
        .n = 1,
        .priority = PRIORITY_NORMAL,
        .timeout_ms = limits->timeout_ms,
        .temperature = limits->sampling.temperature,
        .top_k = limits->sampling.top_k,
        .top_p = limits->sampling.top_p,
        .guidance = limits->sampling.guidance,
    };
    struct parse p = { .r = &r, .limits = limits };
    json_t *root;
    int failed;

    ret_param[0] = 0;
    root = parse_object(text, n, e);
    if (!root)
        return -1;
    failed = set_fields(root, &p, ret_param, e) || check_together(&r, ret_param, e) ||
             check_timeout(&r, limits, ret_param, e);
    json_decref(root);
    if (failed) {
        gen_request_release(&r);
        return -1;
    }
    if (!p.seeded)
        r.seed = rng_seed_from_system() & REQUEST_SEED_MAX;
    *ret_request = r;
    return 0;
}

void gen_request_release(struct gen_request *r)
{
    for (int i = 0; i < r->n_inputs; i++)
        input_release(&r->inputs[i]);
    mem_free(r->inputs);
    mem_free(r->tokens);
    r->inputs = NULL;
    r->tokens = NULL;
    r->n_inputs = 0;
}

int gen_request_prepare(struct gen_request *r, const struct engine *g,
                        char ret_param[REQUEST_PARAM_MAX], struct err *e)
{
    for (int i = 0; i < r->n_inputs; i++) {
        const char *param = r->inputs[i].kind == INPUT_TEXT ? "prompt" : "image";
        snprintf(ret_param, REQUEST_PARAM_MAX, "%s", param);
        if (input_prepare(&r->inputs[i], g, e))
            return err_prefix(e, "%s: ", param);
    }
    ret_param[0] = 0;
    return 0;
}

uint64_t request_seed(uint64_t seed, int i)
{
    return (seed + (uint64_t)i) & REQUEST_SEED_MAX;
}

struct gen_settings request_settings(const struct gen_request *r, int i)
{
    return (struct gen_settings){
        .seed = request_seed(r->seed, i),
        .temperature = r->temperature,
        .top_k = r->top_k,
        .top_p = r->top_p,
        .guidance = r->guidance,
    };
}

/* ---- docs ---- */

static void print_limits(const struct field *f, struct buf *out)
{
    for (const char *c = f->choices; c && *c; c += strcspn(c, "|"), c += *c == '|')
        buf_printf(out, "%s%.*s", c == f->choices ? "" : ", ", (int)strcspn(c, "|"), c);
    if (!f->choices && f->max > f->min)
        buf_printf(out, "%.0f..%.0f", f->min, f->max);
}

void request_print_fields(struct buf *out)
{
    buf_puts(out,
             "| field | type | limits | default | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct field *f = &FIELDS[i];
        buf_printf(out, "| `%s` | %s | ", f->name, field_kind(f->type));
        print_limits(f, out);
        buf_printf(out, " | %s | %s |\n", f->standard, f->help);
    }
}
