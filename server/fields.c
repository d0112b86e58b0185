#include "server/fields.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/near.h"

/* ---- finding a row ---- */

static const struct field *find(const struct field_table *t, const char *name)
{
    for (; t; t = t->more)
        for (const struct field *f = t->rows; f->name; f++)
            if (strcmp(f->name, name) == 0)
                return f;
    return NULL;
}

static int unknown(const struct field_table *t, const char *name, struct err *e)
{
    const char *best = NULL;
    struct near near;

    near_init(&near, name, strlen(name));
    for (; t; t = t->more)
        for (const struct field *f = t->rows; f->name; f++)
            if (near_try(&near, f->name))
                best = f->name;
    if (best)
        return err_set(e, ERR_INVALID, "%.60s: unknown field; did you mean %s?", name, best);
    return err_set(e, ERR_INVALID, "%.60s: unknown field", name);
}

/* ---- JSON text ---- */

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
        if (depth > FIELDS_DEPTH_MAX)
            return err_set(e, ERR_INVALID, "body: nested deeper than %d", FIELDS_DEPTH_MAX);
    }
    return 0;
}

static json_t *parse(const char *text, size_t n, struct err *e)
{
    json_error_t why;
    json_t *root;

    if (check_depth(text, n, e))
        return NULL;
    root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!root && !*why.text) /* jansson has words for whatever is wrong with a text */
        err_set(e, ERR_NOMEM, "body: out of memory");
    else if (!root)
        err_set(e, ERR_INVALID, "body: not JSON: line %d, column %d: %s", why.line, why.column,
                why.text);
    return root;
}

/* ---- from object to struct ---- */

static void *place(const struct field *f, void *object)
{
    return (char *)object + f->offset;
}

static int set_field(const struct field_table *t, const char *name, const json_t *v, void *object,
                     const struct request_limits *limits, struct err *e)
{
    const struct field *f = find(t, name);

    if (!f)
        return t->others_ignored ? 0 : unknown(t, name, e);
    return json_is_null(v) ? 0 : f->type->set(f, v, place(f, object), limits, e);
}

int fields_set(const struct field_table *t, json_t *v, void *object,
               const struct request_limits *limits, char ret_param[FIELDS_PARAM_MAX], struct err *e)
{
    const char *name;
    json_t *value;

    if (!json_is_object(v))
        return err_set(e, ERR_INVALID, "an object is expected, not %s", field_json_kind(v));
    json_object_foreach (v, name, value) {
        snprintf(ret_param, FIELDS_PARAM_MAX, "%s", name);
        if (set_field(t, name, value, object, limits, e))
            return -1;
    }
    ret_param[0] = 0;
    return 0;
}

int fields_parse(const struct field_table *t, const char *text, size_t n, void *object,
                 const struct request_limits *limits, char ret_param[FIELDS_PARAM_MAX],
                 struct err *e)
{
    json_t *root;
    int failed;

    ret_param[0] = 0;
    root = parse(text, n, e);
    if (!root)
        return -1;
    if (json_is_object(root))
        failed = fields_set(t, root, object, limits, ret_param, e);
    else
        failed = err_set(e, ERR_INVALID, "body: a JSON object is expected, not %s",
                         field_json_kind(root));
    json_decref(root);
    return failed;
}

/* ---- forms ---- */

/* What JSON would have: "7" for a number, true; text for all else, so that the field can say what
 * it expects. */
static json_t *value_of_text(const struct field *f, const char *text, size_t n)
{
    bool plain = f->type == &FIELD_INT || f->type == &FIELD_WHOLE || f->type == &FIELD_REAL ||
                 f->type == &FIELD_BOOL;
    json_t *v = plain ? json_loadb(text, n, JSON_DECODE_ANY, NULL) : NULL;

    return v ? v : json_stringn(text, n);
}

int fields_set_text(const struct field_table *t, const char *name, const char *text, size_t n,
                    void *object, const struct request_limits *limits, struct err *e)
{
    const struct field *f = find(t, name);
    json_t *v;
    int failed;

    if (!f)
        return t->others_ignored ? 0 : unknown(t, name, e);
    v = value_of_text(f, text, n);
    if (!v)
        return err_set(e, ERR_INVALID, "%s: not UTF-8", name);
    failed = f->type->set(f, v, place(f, object), limits, e);
    json_decref(v);
    return failed;
}

/* ---- documents ---- */

static void print_limits(const struct field *f, struct buf *out)
{
    for (const char *c = f->choices; c && *c; c += strcspn(c, "|"), c += *c == '|')
        buf_printf(out, "%s%.*s", c == f->choices ? "" : ", ", (int)strcspn(c, "|"), c);
    if (!f->choices && f->max > f->min)
        buf_printf(out, "%.0f..%.0f", f->min, f->max);
}

void fields_print_markdown(const struct field_table *t, struct buf *out)
{
    buf_puts(out,
             "| field | type | limits | default | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (const struct field *f = t->rows; f->name; f++) {
        buf_printf(out, "| `%s` | %s | ", f->name, f->type->kind);
        print_limits(f, out);
        buf_printf(out, " | %s | %s |\n", f->standard, f->help);
    }
}
