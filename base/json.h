/*
 * JSON values: as text in a buf, and built with a sticky failure.
 *
 *     json_t *list = json_array();
 *     for (int i = 0; i < n; i++)
 *         json_add(&list, json_integer(v[i]));
 *     json_append(list, JSON_COMPACT, &text); // text fails if any of it did
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

struct json_t;

/* Appends a value as text; flags: jansson's, JSON_COMPACT and the like. NULL, which stands for a
 * value that memory was too short for, makes out fail. */
void json_append(const struct json_t *json, size_t flags, struct buf *out);

/* Each gives its value away. When the value is NULL or memory is out, what it should have become
 * part of is freed and NULL, and stays so. */
void json_add(struct json_t **list, struct json_t *value);
void json_put(struct json_t **object, const char *key, struct json_t *value);
/* All that is in more. */
void json_merge(struct json_t **object, struct json_t *more);

#endif
