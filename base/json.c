#include "base/json.h"

#include <jansson.h>

static int append(const char *text, size_t n, void *out)
{
    buf_append(out, text, n);
    return 0; /* the buf remembers a failure */
}

void json_append(const json_t *json, size_t flags, struct buf *out)
{
    if (!json || json_dump_callback(json, append, out, flags))
        out->failed = true;
}

static void give_up(json_t **whole)
{
    json_decref(*whole);
    *whole = NULL;
}

void json_add(json_t **list, json_t *value)
{
    if (json_array_append_new(*list, value))
        give_up(list);
}

void json_put(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value))
        give_up(object);
}

void json_merge(json_t **object, json_t *more)
{
    if (json_object_update_new(*object, more))
        give_up(object);
}
