#include "server/submit.h"

#include "base/clock.h"
#include "server/api_jobs.h"
#include "server/route.h"
#include "server/stream.h"
#include "server/wish.h"

static void refuse_until(struct app *app, struct exchange *x, const struct err *e, int wait_s)
{
    reply_err(&x->reply, e, NULL);
    reply_header(&x->reply, "Retry-After", "%d", wait_s);
    if (e->code == ERR_BUSY)
        x->reply.status = app->full_status; /* proxies retry 503 elsewhere, clients 429 later */
}

void submit_refuse(struct app *app, struct exchange *x, const struct err *e, const char *param)
{
    if (e->code == ERR_UNAVAILABLE)
        stats_add(app->stats, STATS_REJECTED_DRAINING, 1);
    if (e->code == ERR_BUSY) {
        stats_add(app->stats, STATS_REJECTED_FULL, 1);
        refuse_until(app, x, e, sched_wait_s(app->sched, queue_pictures(app->queue)));
        return;
    }
    reply_err(&x->reply, e, param);
}

bool submit_ready(struct app *app, struct exchange *x)
{
    const char *why;
    struct err e;

    if (app_takes_work(app, &why))
        return true;
    err_set(&e, ERR_UNAVAILABLE, "not ready: %s", why);
    submit_refuse(app, x, &e, NULL);
    return false;
}

static void told(void *exchange, bool over)
{
    if (over)
        exchange_resume(exchange);
}

/* If the job is over at the same moment, it is told() that resumes. */
static void client_gone(void *exchange)
{
    struct exchange *x = exchange;

    if (!job_leave(x->job, &x->waiter))
        return;
    x->gone = true;
    exchange_resume(x);
}

/* The order matters: suspended before anybody can resume it, watched once there is something to
 * leave. */
void submit_wait(struct exchange *x)
{
    x->waiter = (struct job_waiter){ .told = told, .arg = x };
    exchange_suspend(x);
    job_join(x->job, &x->waiter);
    exchange_watch(x, client_gone);
}

/* ---- jobs that are kept ---- */

static void accept(const struct wish *w, struct exchange *x)
{
    api_jobs_describe(x->job, w->label.id, &x->reply);
    x->reply.status = 202;
    reply_header(&x->reply, "Location", "/v1/jobs/%s", w->label.id);
    reply_header(&x->reply, "Preference-Applied", "respond-async");
}

/* What x does with its job: nothing more, or it waits for the end, or it listens. */
static void attend(struct app *app, struct exchange *x, const struct wish *w)
{
    if (w->async)
        accept(w, x);
    else if (x->job->request.stream)
        stream_start(app, x, x->route->voice);
    else
        submit_wait(x);
}

/* The second time that a request comes: x gets what the first one gets. job: held. */
static void answer_again(struct app *app, struct exchange *x, const struct wish *w,
                         uint64_t fingerprint, struct job *job)
{
    x->job = job;
    if (w->label.fingerprint != fingerprint) {
        reply_error(&x->reply, 422, "Idempotency-Key",
                    "Idempotency-Key: '%.60s' came before with "
                    "another request",
                    w->label.key);
        return;
    }
    reply_header(&x->reply, "Idempotency-Replayed", "true");
    attend(app, x, w);
}

static bool answered_again(struct app *app, struct exchange *x, struct wish *w)
{
    uint64_t fingerprint = w->label.fingerprint;
    struct job *job;

    if (!*w->label.key ||
        shelf_find(app->shelf, x->client, w->label.key, &job, &w->label) != SHELF_HERE)
        return false;
    answer_again(app, x, w, fingerprint, job);
    return true;
}

/* ---- models that are not loaded yet ---- */

static void loaded(void *exchange)
{
    exchange_resume(exchange);
}

/* Whoever takes the waiter back is the one who resumes. */
static void leave_queue(struct exchange *x, _Atomic bool *why)
{
    if (!models_leave(&x->model_waiter))
        return;
    atomic_store(why, true);
    exchange_resume(x);
}

static void gone_early(void *exchange)
{
    struct exchange *x = exchange;

    leave_queue(x, &x->gone);
}

static void too_late(void *exchange)
{
    struct exchange *x = exchange;

    leave_queue(x, &x->late);
}

static void begin_again(struct app *app, struct exchange *x)
{
    if (!x->late) {
        x->route->run(app, x);
        return;
    }
    stats_add(app->stats, STATS_DEADLINES, 1);
    reply_error(&x->reply, 504, NULL, "deadline: %.1f s have passed, the model is not loaded yet",
                (double)(clock_ns() - x->complete_ns) / 1e9);
}

static void wait_for_model(struct app *app, struct exchange *x, const struct gen_request *r)
{
    int64_t left = x->complete_ns + (int64_t)r->timeout_ms * 1000000 - clock_ns();

    x->model_waiter = (struct models_waiter){ .told = loaded, .arg = x };
    x->resumed = begin_again;
    exchange_suspend(x);
    models_wait(app->models, r->model, &x->model_waiter);
    exchange_watch(x, gone_early);
    exchange_beat(x, left > 0 ? left : 1, too_late);
}

/* The model that the request names, held: 0 and NULL when x waits for it. */
static int find_model(struct app *app, struct exchange *x, struct gen_request *r,
                      struct instance **ret_instance, struct err *e)
{
    struct model_view view;

    if (app->any_model && models_view(app->models, r->model, &view, NULL))
        r->model[0] = 0;
    if (models_get(app->models, r->model, ret_instance, e))
        return -1;
    if (!*ret_instance)
        wait_for_model(app, x, r);
    return 0;
}

/* ---- new jobs ---- */

static int make_job(const struct exchange *x, struct gen_request *request, struct instance *i,
                    char param[REQUEST_PARAM_MAX], struct job **ret_job, struct err *e)
{
    const struct engine_info *info = &i->engine->info;

    if (gen_request_fit(request, info, param, e) ||
        gen_request_prepare(request, i->engine, param, e)) {
        gen_request_release(request);
        return -1;
    }
    if (job_new(x->id, x->client, request, info, ret_job, e))
        return -1;
    job_date(*ret_job, x->complete_ns);
    job_give_instance(*ret_job, i);
    return 0;
}

static void push(struct app *app, struct exchange *x, const struct wish *w, struct job *job)
{
    x->job = job_hold(job);
    if (x->route->by_client)
        current_set(app->current, job);
    attend(app, x, w);
    queue_push(app->queue, job);
}

/* A job that is not begun after all; its key gets back what it has spent. */
static void give_up(struct job *job)
{
    err_set(&job->err, ERR_CANCELLED, "the job was not begun");
    job_finish(job);
}

/* A job with places in the queue. */
static void hand_over(struct app *app, struct exchange *x, struct wish *w, struct job *job)
{
    uint64_t fingerprint = w->label.fingerprint;
    struct job *other = NULL;
    struct err e;
    int failed = 0;

    if (wish_is_kept(w)) {
        job_keep(job);
        failed = shelf_put(app->shelf, job, &w->label, &other, &e);
    }
    if (!failed && !other) {
        push(app, x, w, job);
        return;
    }
    queue_unreserve(app->queue, job->places);
    give_up(job);
    if (failed)
        submit_refuse(app, x, &e, NULL);
    else
        answer_again(app, x, w, fingerprint, other); /* both came at the same moment */
}

/* ---- limits of a key ---- */

static void leave(void *app, const struct job *job)
{
    keys_leave(((struct app *)app)->keys, job->client);
}

/* False: the key has no more to spend, and x has its reply. */
static bool entered(struct app *app, struct exchange *x, struct job *job)
{
    struct err e;
    int wait_s = 1;

    if (!app->keys)
        return true;
    if (keys_enter(app->keys, job->client, &wait_s, &e)) {
        stats_add(app->stats, STATS_REJECTED_LIMITED, 1);
        refuse_until(app, x, &e, wait_s);
        return false;
    }
    job->on_end = leave;
    job->on_end_arg = app;
    return true;
}

/* The best class that the key gets, when the request wants a better one. */
static void hold_down(struct app *app, const struct exchange *x, struct gen_request *r)
{
    int best = app->keys ? (int)keys_priority(app->keys, x->client) : PRIORITY_HIGH;

    if (r->priority < best)
        r->priority = best;
}

static void start(struct app *app, struct exchange *x, struct wish *w, struct job *job)
{
    struct err e;

    if (!entered(app, x, job)) {
        job_free(job);
        return;
    }
    if (queue_reserve(app->queue, job->places, &e) == 0) {
        hand_over(app, x, w, job);
        return;
    }
    give_up(job);
    submit_refuse(app, x, &e, NULL);
}

/* i: held, and given back. */
static void submit_to(struct app *app, struct exchange *x, struct wish *w,
                      struct gen_request *request, struct instance *i)
{
    char param[REQUEST_PARAM_MAX] = "";
    struct err e;
    struct job *job;

    buf_release(&x->body); /* megabytes of base64, maybe for minutes */
    hold_down(app, x, request);
    if (make_job(x, request, i, param, &job, &e))
        submit_refuse(app, x, &e, param);
    else
        start(app, x, w, job);
    instance_drop(i);
}

void submit(struct app *app, struct exchange *x, struct gen_request *request)
{
    struct instance *i = NULL;
    struct wish w;
    struct err e;

    if (wish_read(x, &w, &e))
        submit_refuse(app, x, &e, "Idempotency-Key");
    else if (answered_again(app, x, &w))
        buf_release(&x->body);
    else if (find_model(app, x, request, &i, &e))
        submit_refuse(app, x, &e, "model");
    if (i)
        submit_to(app, x, &w, request, i);
    else
        gen_request_release(request);
}

void submit_body(struct app *app, struct exchange *x, request_parse *parse)
{
    const char *text = x->body.data ? x->body.data : "";
    char param[REQUEST_PARAM_MAX];
    struct gen_request request;
    struct err e;

    if (!submit_ready(app, x))
        return;
    if (parse(text, x->body.len, &app->limits, &request, param, &e))
        submit_refuse(app, x, &e, param);
    else
        submit(app, x, &request);
}
