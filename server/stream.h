/*
 * A job as a stream of server-sent events. What is said is what has changed since the client last
 * took something: a slow reader gets fewer events, never a longer queue of them.
 *
 *     queued    {"type", "queue_position"}                     at most once a second
 *     progress  {"type", "progress", "images": {"ready", "total"}}
 *     ...       pictures of what is drawn so far, and the end: in the words of the endpoint
 *     error     {"type", "error": {"message", "type", "param", "code"}}   instead of the end
 */
#ifndef SERVER_STREAM_H
#define SERVER_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "server/app.h"
#include "server/exchange.h"

/* The words of an endpoint. HTTP threads. */
struct stream_voice {
    bool talkative; /* queued and progress are said, too */
    /* Picture i of the job as it looks so far, for the k-th time (both from 0). */
    void (*partial)(struct app *app, struct exchange *x, int i, int k, const struct image *img,
                    struct buf *out);
    /* x->job is over and has succeeded. */
    void (*completed)(struct app *app, struct exchange *x, struct buf *out);
};

/* The reply of x, a JSON object that the endpoint has rendered, as an event: `name` when it is a
 * good one, else as an error. */
void stream_reply(struct exchange *x, const char *name, struct buf *out);

/* In a handler, with x->job set: the answer is the stream of that job, which is left when the
 * client leaves. */
void stream_start(struct app *app, struct exchange *x, const struct stream_voice *voice);

#endif
