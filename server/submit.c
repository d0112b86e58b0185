#include "server/submit.h"

void submit_refuse(struct app *app, struct exchange *x, const struct err *e, const char *param)
{
    reply_err(&x->reply, e, param);
    if (e->code == ERR_UNAVAILABLE)
        stats_add(app->stats, STATS_REJECTED_DRAINING, 1);
    if (e->code != ERR_BUSY)
        return;
    stats_add(app->stats, STATS_REJECTED_FULL, 1);
    reply_header(&x->reply, "Retry-After", "%d",
                 sched_wait_s(app->sched, queue_pictures(app->queue)));
}

bool submit_ready(struct app *app, struct exchange *x)
{
    const char *why;
    struct err e;

    if (app_ready(app, &why))
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

/* The order matters: suspended before anybody can resume it, watched once it can be left. */
static void hand_over(struct app *app, struct exchange *x, struct job *job)
{
    x->job = job_hold(job);
    x->waiter = (struct job_waiter){ .told = told, .arg = x };
    exchange_suspend(x);
    job_join(job, &x->waiter);
    queue_push(app->queue, job);
    exchange_watch(x, client_gone);
}

static int make_job(const struct app *app, const struct exchange *x, struct gen_request *request,
                    char param[REQUEST_PARAM_MAX], struct job **ret_job, struct err *e)
{
    if (gen_request_prepare(request, app->engine, param, e)) {
        gen_request_release(request);
        return -1;
    }
    return job_new(x->id, x->client, request, &app->engine->info, ret_job, e);
}

void submit(struct app *app, struct exchange *x, struct gen_request *request)
{
    char param[REQUEST_PARAM_MAX] = "";
    struct err e;
    struct job *job;

    buf_release(&x->body); /* megabytes of base64, maybe for minutes */
    if (make_job(app, x, request, param, &job, &e)) {
        submit_refuse(app, x, &e, param);
        return;
    }
    if (queue_reserve(app->queue, job->places, &e)) {
        job_free(job);
        submit_refuse(app, x, &e, NULL);
        return;
    }
    hand_over(app, x, job);
}
