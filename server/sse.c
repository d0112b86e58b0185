#include "server/sse.h"

#include <jansson.h>

#include "base/json.h"

void sse_event(struct buf *out, const char *name, const char *data, size_t n)
{
    buf_printf(out, "event: %s\ndata: ", name);
    buf_append(out, data, n);
    buf_puts(out, "\n\n");
}

void sse_json(struct buf *out, const char *name, json_t *json)
{
    buf_printf(out, "event: %s\ndata: ", name);
    json_append(json, JSON_COMPACT, out);
    buf_puts(out, "\n\n");
    json_decref(json);
}

void sse_heartbeat(struct buf *out)
{
    buf_puts(out, ": still here\n\n");
}
