#include "server/warm_up.h"

#include <semaphore.h>
#include <string.h>

static void post(void *semaphore, bool over)
{
    if (over)
        sem_post(semaphore);
}

static int make_job(struct app *app, struct job **ret_job, struct err *e)
{
    static const char REQUEST[] = "{\"prompt\":\"a first picture\",\"seed\":1}";
    char param[REQUEST_PARAM_MAX];
    struct gen_request r;
    struct engine *g = app->engine;

    if (gen_request_parse(REQUEST, strlen(REQUEST), &app->limits, &r, param, e))
        return -1;
    if (gen_request_prepare(&r, g, param, e)) {
        gen_request_release(&r);
        return -1;
    }
    return job_new("warm-up", "", &r, &g->info, ret_job, e);
}

int warm_up(struct app *app, struct err *e)
{
    sem_t done;
    struct job_waiter waiter = { .told = post, .arg = &done };
    struct job *job;
    int failed;

    if (make_job(app, &job, e))
        return err_prefix(e, "warm-up: ");
    if (queue_reserve(app->queue, job->places, e)) {
        job_free(job);
        return err_prefix(e, "warm-up: ");
    }
    sem_init(&done, 0, 0);
    job_join(job, &waiter);
    queue_push(app->queue, job_hold(job));
    while (sem_wait(&done))
        continue; /* interrupted */
    sem_destroy(&done);
    failed = job->err.code != ERR_NONE;
    if (failed)
        err_set(e, job->err.code, "warm-up: %s", job->err.msg);
    job_free(job);
    return failed ? -1 : 0;
}
