/*
 * The kinds of values that any request may hold.
 */
#include <jansson.h>
#include <string.h>

#include "base/num.h"
#include "server/fields.h"

const char *field_json_kind(const json_t *v)
{
    static const char *const KINDS[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",       [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a real number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return KINDS[json_typeof(v)];
}

int field_mistyped(const struct field *f, const json_t *v, struct err *e)
{
    return err_set(e, ERR_INVALID, "%s: %s is expected, not %s", f->name, f->type->kind,
                   field_json_kind(v));
}

/* ---- numbers ---- */

static int set_whole(const struct field *f, const json_t *v, void *at,
                     const struct request_limits *limits, struct err *e)
{
    json_int_t value = json_integer_value(v);

    (void)limits;
    if (!json_is_integer(v))
        return field_mistyped(f, v, e);
    if (value < (json_int_t)f->min || value > (json_int_t)f->max)
        return err_set(e, ERR_INVALID, "%s: %" JSON_INTEGER_FORMAT " is outside %.0f..%.0f",
                       f->name, value, f->min, f->max);
    *(int64_t *)at = value;
    return 0;
}

static int set_int(const struct field *f, const json_t *v, void *at,
                   const struct request_limits *limits, struct err *e)
{
    int64_t value = 0;

    if (set_whole(f, v, &value, limits, e))
        return -1;
    *(int *)at = (int)value;
    return 0;
}

static int set_real(const struct field *f, const json_t *v, void *at,
                    const struct request_limits *limits, struct err *e)
{
    double value = json_number_value(v);

    (void)limits;
    if (!json_is_number(v))
        return field_mistyped(f, v, e);
    if (!(value >= f->min && value <= f->max))
        return err_set(e, ERR_INVALID, "%s: %g is outside %g..%g", f->name, value, f->min, f->max);
    *(float *)at = (float)value;
    return 0;
}

static int set_bool(const struct field *f, const json_t *v, void *at,
                    const struct request_limits *limits, struct err *e)
{
    (void)limits;
    if (!json_is_boolean(v))
        return field_mistyped(f, v, e);
    *(bool *)at = json_is_true(v);
    return 0;
}

/* ---- words ---- */

static int set_choice(const struct field *f, const json_t *v, void *at,
                      const struct request_limits *limits, struct err *e)
{
    (void)limits;
    if (!json_is_string(v))
        return field_mistyped(f, v, e);
    return num_parse_choice(json_string_value(v), f->name, f->choices, at, e);
}

static int set_set(const struct field *f, const json_t *v, void *at,
                   const struct request_limits *limits, struct err *e)
{
    unsigned set = 0;
    size_t i;
    json_t *item;

    (void)limits;
    if (!json_is_array(v))
        return field_mistyped(f, v, e);
    json_array_foreach (v, i, item) {
        int choice = 0;
        if (!json_is_string(item))
            return err_set(e, ERR_INVALID, "%s: the list holds strings, not %s", f->name,
                           field_json_kind(item));
        if (num_parse_choice(json_string_value(item), f->name, f->choices, &choice, e))
            return -1;
        set |= 1u << choice;
    }
    *(unsigned *)at = set;
    return 0;
}

static int set_word(const struct field *f, const json_t *v, void *at,
                    const struct request_limits *limits, struct err *e)
{
    size_t n = json_string_length(v);

    (void)limits;
    if (!json_is_string(v))
        return field_mistyped(f, v, e);
    if (n < (size_t)f->min || n > (size_t)f->max)
        return err_set(e, ERR_INVALID, "%s: %zu bytes is outside %.0f..%.0f", f->name, n, f->min,
                       f->max);
    memcpy(at, json_string_value(v), n + 1);
    return 0;
}

/* ---- what others send and we have no use for ---- */

static int set_nothing(const struct field *f, const json_t *v, void *at,
                       const struct request_limits *limits, struct err *e)
{
    (void)f;
    (void)v;
    (void)at;
    (void)limits;
    (void)e;
    return 0;
}

const struct field_type FIELD_INT = { "a whole number", set_int };
const struct field_type FIELD_WHOLE = { "a whole number", set_whole };
const struct field_type FIELD_REAL = { "a number", set_real };
const struct field_type FIELD_BOOL = { "true or false", set_bool };
const struct field_type FIELD_CHOICE = { "a string", set_choice };
const struct field_type FIELD_SET = { "a list", set_set };
const struct field_type FIELD_WORD = { "a string", set_word };
const struct field_type FIELD_UNUSED = { "anything", set_nothing };
