#include "server/api_jobs.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/format.h"
#include "base/json.h"
#include "base/num.h"
#include "server/answer.h"
#include "server/route.h"
#include "server/stream.h"
#include "server/submit.h"

/* ---- the job as JSON ---- */

/* state: the job's, read once: it goes on while we look. */
static const char *status_word(const struct job *job, int state)
{
    static const char *const WORDS[] = { [JOB_PARSED] = "queued",
                                         [JOB_QUEUED] = "queued",
                                         [JOB_RUNNING] = "running",
                                         [JOB_DONE] = "succeeded" };

    if (state != JOB_DONE || job->err.code == ERR_NONE)
        return WORDS[state];
    return job->err.code == ERR_CANCELLED ? "cancelled" : "failed";
}

/* `when` on the monotonic clock as seconds since 1970. */
static json_t *unix_time(int64_t when_ns)
{
    return json_integer(clock_unix() - (clock_ns() - when_ns) / 1000000000);
}

static json_t *describe(const struct job *job, const char *id)
{
    int state = atomic_load(&job->state);
    json_t *o = json_pack("{s:s,s:s,s:s,s:o,s:f,s:{s:i,s:i}}", "id", id, "object", "job", "status",
                          status_word(job, state), "created", unix_time(job->arrived_ns),
                          "progress", job_progress(job), "images", "ready",
                          atomic_load(&job->ready), "total", job->n_wanted);

    if (state <= JOB_QUEUED)
        json_put(&o, "queue_position", json_integer(atomic_load(&job->ahead)));
    if (state != JOB_DONE)
        return o;
    json_put(&o, "ended", unix_time(job->ended_ns));
    if (job->err.code != ERR_NONE)
        json_put(&o, "error", reply_error_json(&job->err, NULL));
    return o;
}

void api_jobs_describe(const struct job *job, const char *id, struct reply *reply)
{
    reply_json(reply, describe(job, id));
}

/* ---- finding it ---- */

/* The job of the path goes into x->job; false: x has its reply. */
static bool find(struct app *app, struct exchange *x, struct shelf_label *ret_label)
{
    char id[SHELF_ID_MAX] = "";

    route_arg(x->path, 2, id, sizeof id);
    switch (shelf_get(app->shelf, id, &x->job, ret_label)) {
    case SHELF_HERE:
        return true;
    case SHELF_GONE:
        reply_error(&x->reply, 410, NULL, "%s: the job is no longer kept", id);
        return false;
    default:
        reply_error(&x->reply, 404, NULL, "%.100s: no such job", x->path);
        return false;
    }
}

/* ---- GET ---- */

/* {...} and a result of its own -> {..., "result": ...} */
static void add_result(struct reply *reply, const struct buf *result)
{
    size_t end = strcspn(result->data, "\n");

    reply->body.len -= strlen("}\n");
    buf_puts(&reply->body, ",\"result\":");
    buf_append(&reply->body, result->data, end);
    buf_puts(&reply->body, "}\n");
    if (buf_check(&reply->body, NULL))
        reply_error(reply, 503, NULL, "answer: out of memory");
}

/* The endpoint that took the request renders its result, as JSON. */
static void reply_with_result(struct app *app, struct exchange *x, const struct shelf_label *label)
{
    const struct route *route = label->route;
    struct reply with;

    x->as_json = true;
    route->resume(app, x);
    if (x->reply.status != 200)
        return;
    reply_init(&with);
    api_jobs_describe(x->job, label->id, &with);
    if (with.status == 200)
        add_result(&with, &x->reply.body);
    reply_release(&x->reply);
    x->reply = with;
}

void api_jobs_get(struct app *app, struct exchange *x)
{
    struct shelf_label label;

    if (!find(app, x, &label))
        return;
    if (job_over(x->job) && x->job->err.code == ERR_NONE)
        reply_with_result(app, x, &label);
    else
        api_jobs_describe(x->job, label.id, &x->reply);
}

/* ---- GET .../images/{n}.png ---- */

/* "12.png" -> 12 and the format; false when it is something else. */
static bool read_name(const char *name, int *ret_n, enum format *ret_format)
{
    const char *dot = strchr(name, '.');
    char digits[8];
    int64_t n;
    int format;

    if (!dot || (size_t)(dot - name) >= sizeof digits)
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)(dot - name), name);
    if (num_parse_int(digits, "image", 0, INT32_MAX, &n, NULL) ||
        num_parse_choice(dot + 1, "format", FORMAT_CHOICES, &format, NULL))
        return false;
    *ret_n = (int)n;
    *ret_format = (enum format)format;
    return true;
}

static void reply_image(struct exchange *x, int n, enum format format)
{
    const struct job *job = x->job;
    int64_t begin = clock_ns();
    struct err e;

    if (n >= job->n_pictures || !job->pictures[n].image.px) {
        reply_error(&x->reply, 404, NULL, "images: the job has %d", job->n_pictures);
        return;
    }
    x->reply.type = format_mime(format);
    reply_header(&x->reply, "X-Seed", "%llu", (unsigned long long)job->pictures[n].seed);
    if (answer_picture(job, n, format, &x->reply.body, &e))
        reply_err(&x->reply, &e, NULL);
    x->encode_ns = clock_ns() - begin;
}

void api_jobs_image(struct app *app, struct exchange *x)
{
    struct shelf_label label;
    enum format format;
    char name[32] = "";
    int n;

    if (!find(app, x, &label))
        return;
    route_arg(x->path, 4, name, sizeof name);
    if (!read_name(name, &n, &format))
        reply_error(&x->reply, 404, NULL, "%s: not of the form 0.png, 0.jpeg or 0.webp", name);
    else if (!job_over(x->job))
        reply_error(&x->reply, 409, NULL, "the job is not done: %s",
                    status_word(x->job, atomic_load(&x->job->state)));
    else if (x->job->err.code != ERR_NONE)
        reply_err(&x->reply, &x->job->err, NULL);
    else
        reply_image(x, n, format);
}

/* ---- GET .../events ---- */

void api_jobs_events(struct app *app, struct exchange *x)
{
    struct shelf_label label;
    const struct route *route;

    if (!find(app, x, &label))
        return;
    route = label.route;
    if (route->voice)
        stream_start(app, x, route->voice);
    else
        reply_error(&x->reply, 404, NULL, "%s has no events", route->path);
}

/* ---- DELETE ---- */

void api_jobs_delete(struct app *app, struct exchange *x)
{
    struct shelf_label label;

    if (!find(app, x, &label))
        return;
    if (job_over(x->job)) {
        shelf_drop(app->shelf, label.id);
        api_jobs_describe(x->job, label.id, &x->reply);
        return;
    }
    job_cancel(x->job);
    submit_wait(x);
}

void api_jobs_delete_resume(struct app *app, struct exchange *x)
{
    char id[SHELF_ID_MAX] = "";

    (void)app;
    route_arg(x->path, 2, id, sizeof id);
    api_jobs_describe(x->job, id, &x->reply);
}
