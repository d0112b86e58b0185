/*
 * JSON objects from clients, by tables: one row a field. A table drives the parser, its messages
 * and the tables in docs/API.md; tests compare docs/openapi.yaml with it.
 *
 *     static const struct field ROWS[] = {
 *         { "n", &FIELD_INT, 1, 16, AT(n), NULL, "1", "pictures in the answer" },
 *         { .name = NULL },
 *     };
 *     static const struct field_table TABLE = { .rows = ROWS };
 *     fields_parse(&TABLE, text, n, &request, limits, param, e)
 *
 * A field that is left out or null keeps what the object holds already.
 */
#ifndef SERVER_FIELDS_H
#define SERVER_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define FIELDS_DEPTH_MAX 8  /* of nested JSON */
#define FIELDS_PARAM_MAX 64 /* bytes of a field's name in an answer */

struct json_t;
struct request_limits;
struct field;

/* How a kind of value is read. */
struct field_type {
    const char *kind; /* "a whole number": for messages and people */
    /* v is not null. at: the field's place in the object. */
    int (*set)(const struct field *f, const struct json_t *v, void *at,
               const struct request_limits *limits, struct err *e);
};

struct field {
    const char *name; /* NULL ends a table */
    const struct field_type *type;
    double min, max;      /* of a number; of the bytes of a string */
    size_t offset;        /* in the object */
    const char *choices;  /* "high|normal|low"; NULL where there are none */
    const char *standard; /* what holds when the field is left out, for people */
    const char *help;
};

struct field_table {
    const struct field *rows;
    const struct field_table *more; /* its rows are taken as well; NULL: none */
    bool others_ignored;            /* fields that are in neither are passed over, not refused */
};

extern const struct field_type FIELD_INT;    /* int */
extern const struct field_type FIELD_WHOLE;  /* int64_t */
extern const struct field_type FIELD_REAL;   /* float */
extern const struct field_type FIELD_BOOL;   /* bool */
extern const struct field_type FIELD_CHOICE; /* int: index into choices */
extern const struct field_type FIELD_SET;    /* unsigned: bit i for choice i; a list of them */
extern const struct field_type FIELD_WORD;   /* char[max + 1] */
extern const struct field_type FIELD_UNUSED; /* nothing: taken, and without meaning here */

/*
 * text: n bytes of JSON, an object. ret_param: the field that is to blame, "" if no single one is.
 * Nested deeper than FIELDS_DEPTH_MAX, duplicate fields and unknown ones are INVALID. limits are
 * for the setters. On -1 the object may hold some values already. Any thread.
 */
int fields_parse(const struct field_table *t, const char *text, size_t n, void *object,
                 const struct request_limits *limits, char ret_param[FIELDS_PARAM_MAX],
                 struct err *e);
/* The same for a value that is parsed already, such as an object in a list. */
int fields_set(const struct field_table *t, struct json_t *v, void *object,
               const struct request_limits *limits, char ret_param[FIELDS_PARAM_MAX],
               struct err *e);
/* One field from the text of a form: a number or true/false as text, anything else as a string. */
int fields_set_text(const struct field_table *t, const char *name, const char *text, size_t n,
                    void *object, const struct request_limits *limits, struct err *e);

/* For setters: "seed: a whole number is expected, not a string". */
int field_mistyped(const struct field *f, const struct json_t *v, struct err *e);
/* "a string", "a list" ... */
const char *field_json_kind(const struct json_t *v);

/* The table's own rows as markdown. */
void fields_print_markdown(const struct field_table *t, struct buf *out);

#endif
