/*
 * Server-sent events: the text/event-stream format (HTML standard, section 9.2).
 */
#ifndef SERVER_SSE_H
#define SERVER_SSE_H

#include <stddef.h>

#include "base/buf.h"

#define SSE_TYPE "text/event-stream"

struct json_t;

/* An event with one line of data: JSON text of n bytes without line breaks. */
void sse_event(struct buf *out, const char *name, const char *data, size_t n);
/* json: given away; NULL (memory was out while it was built) fails the buffer. */
void sse_json(struct buf *out, const char *name, struct json_t *json);
/* What clients pass over; it keeps the connection open, and shows whether it still is. */
void sse_heartbeat(struct buf *out);

#endif
