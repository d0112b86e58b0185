/*
 * JSON files beside weights: indexes, configurations, tokenizers. Bounded in size; jansson itself
 * bounds how deep they nest.
 */
#ifndef CONVERT_JSON_H
#define CONVERT_JSON_H

#include <jansson.h>

#include "base/err.h"

/* json_decref. Errors begin with the path. */
int json_read(const char *path, size_t max, json_t **ret_json, struct err *e);

#endif
