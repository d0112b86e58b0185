#include "server/stream.h"

#include <jansson.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/sse.h"

#define QUEUE_NEWS_NS INT64_C(1000000000) /* between two words on the place in the line */
#define PROGRESS_NEWS 0.05                /* between two words on progress */

struct stream {
    struct app *app;
    const struct stream_voice *voice;
    _Atomic bool beat; /* say something, whatever */
    int position;      /* said last; -1: nothing yet */
    int64_t position_ns;
    double progress; /* said last */
    int ready;
    int *partials; /* owned [n_wanted]: said of each picture */
};

static void stream_free(void *arg)
{
    struct stream *s = arg;

    mem_free(s->partials);
    mem_free(s);
}

/* ---- what there is to say ---- */

static void say_place(struct stream *s, const struct job *job, struct buf *out)
{
    int position = atomic_load(&job->ahead);
    int64_t now = clock_ns();

    if (position == s->position || (s->position >= 0 && now - s->position_ns < QUEUE_NEWS_NS))
        return;
    s->position = position;
    s->position_ns = now;
    sse_json(
        out, "queued",
        json_pack("{s:s,s:s,s:i}", "type", "queued", "id", job->id, "queue_position", position));
}

static void say_progress(struct stream *s, const struct job *job, struct buf *out)
{
    double progress = job_progress(job);
    int ready = atomic_load(&job->ready);

    if (progress < s->progress + PROGRESS_NEWS && ready == s->ready)
        return;
    s->progress = progress;
    s->ready = ready;
    sse_json(out, "progress",
             json_pack("{s:s,s:f,s:{s:i,s:i}}", "type", "progress", "progress", progress, "images",
                       "ready", ready, "total", job->n_wanted));
}

static void say_partials(struct stream *s, struct exchange *x, struct buf *out)
{
    struct image img;

    for (int i = 0; i < x->job->n_wanted; i++) {
        if (!job_partial(x->job, i, &s->partials[i], &img))
            continue;
        s->voice->partial(s->app, x, i, s->partials[i] - 1, &img, out);
        image_release(&img);
    }
}

static void say_what_is_new(struct stream *s, struct exchange *x, struct buf *out)
{
    bool waits = atomic_load(&x->job->state) <= JOB_QUEUED;

    if (s->voice->talkative && (waits || s->position < 0)) /* the first word is always said */
        say_place(s, x->job, out);
    if (s->voice->talkative && !waits)
        say_progress(s, x->job, out);
    say_partials(s, x, out);
    if (atomic_exchange(&s->beat, false) && out->len == 0)
        sse_heartbeat(out);
}

static void say_the_end(struct stream *s, struct exchange *x, struct buf *out)
{
    const struct err *e = &x->job->err;

    if (e->code == ERR_NONE)
        s->voice->completed(s->app, x, out);
    else
        sse_json(out, "error",
                 json_pack("{s:s,s:o}", "type", "error", "error", reply_error_json(e, NULL)));
}

static bool more(struct exchange *x, void *arg, struct buf *out)
{
    bool over = job_over(x->job);

    if (over)
        say_the_end(arg, x, out);
    else
        say_what_is_new(arg, x, out);
    return !over;
}

/* {...} -> {"type":"name",...} */
void stream_reply(struct exchange *x, const char *name, struct buf *out)
{
    const struct buf *body = &x->reply.body;
    const char *type = x->reply.status == 200 ? name : "error";
    struct buf data;

    if (!body->len) { /* no memory even for the words that say so */
        out->failed = true;
        return;
    }
    buf_init(&data, REPLY_BODY_MAX);
    buf_printf(&data, "{\"type\":\"%s\",", type);
    buf_append(&data, body->data + 1, body->len - 2); /* without its { and its line break */
    sse_event(out, type, data.data, data.len);
    if (data.failed)
        out->failed = true;
    buf_release(&data);
}

/* ---- who wakes it ---- */

static void told(void *exchange, bool over)
{
    (void)over;
    exchange_wake(exchange);
}

static void client_gone(void *exchange)
{
    struct exchange *x = exchange;

    job_leave(x->job, &x->waiter);
    atomic_store(&x->gone, true);
    exchange_wake(x);
}

static void beat(void *exchange)
{
    struct exchange *x = exchange;
    struct stream *s = x->stream.arg;

    atomic_store(&s->beat, true);
    exchange_wake(x);
}

static struct stream *stream_new(struct app *app, const struct job *job,
                                 const struct stream_voice *voice)
{
    struct stream *s = mem_alloc(1, sizeof *s);

    if (!s)
        return NULL;
    *s = (struct stream){ .app = app, .voice = voice, .position = -1 };
    s->partials = mem_alloc((size_t)job->n_wanted, sizeof *s->partials);
    if (!s->partials) {
        mem_free(s);
        return NULL;
    }
    return s;
}

void stream_start(struct app *app, struct exchange *x, const struct stream_voice *voice)
{
    struct stream *s = stream_new(app, x->job, voice);

    if (!s) {
        reply_error(&x->reply, 503, NULL, "stream: out of memory");
        return;
    }
    x->reply.type = SSE_TYPE;
    reply_header(&x->reply, "X-Accel-Buffering", "no"); /* nginx would hold events back */
    x->waiter = (struct job_waiter){ .told = told, .arg = x };
    exchange_stream(x, more, s, stream_free);
    job_join(x->job, &x->waiter);
    exchange_watch(x, client_gone);
    exchange_beat(x, app->heartbeat_ns, beat);
}
