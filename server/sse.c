#include "server/sse.h"

#include <jansson.h>

void sse_event(struct buf *out, const char *name, const char *data, size_t n)
{
    buf_printf(out, "event: %s\ndata: ", name);
    buf_append(out, data, n);
    buf_puts(out, "\n\n");
}

static int dump_to_buf(const char *text, size_t n, void *buf)
{
    buf_append(buf, text, n);
    return 0;
}

void sse_json(struct buf *out, const char *name, json_t *json)
{
    buf_printf(out, "event: %s\ndata: ", name);
    if (!json || json_dump_callback(json, dump_to_buf, out, JSON_COMPACT))
        out->failed = true;
    buf_puts(out, "\n\n");
    json_decref(json);
}

void sse_heartbeat(struct buf *out)
{
    buf_puts(out, ": still here\n\n");
}
