#include "server/warm_up.h"

#include <semaphore.h>
#include <string.h>

static void post(void *semaphore, bool over)
{
    if (over)
        sem_post(semaphore);
}

static int make_request(const struct request_limits *limits, const struct engine *g,
                        struct gen_request *ret_request, struct err *e)
{
    static const char REQUEST[] =
        "{\"prompt\":\"a first picture\",\"seed\":1,\"priority\":\"high\"}";
    char param[REQUEST_PARAM_MAX];
    struct gen_request r;

    if (gen_request_parse(REQUEST, strlen(REQUEST), limits, &r, param, e))
        return -1;
    if (gen_request_fit(&r, &g->info, param, e) || gen_request_prepare(&r, g, param, e)) {
        gen_request_release(&r);
        return -1;
    }
    *ret_request = r;
    return 0;
}

static int make_job(const struct request_limits *limits, struct instance *i, struct job **ret_job,
                    struct err *e)
{
    struct gen_request r;

    if (make_request(limits, i->engine, &r, e) ||
        job_new("warm-up", "", &r, &i->engine->info, ret_job, e))
        return -1;
    job_give_instance(*ret_job, i);
    (*ret_job)->places = 0; /* a full queue is no reason to refuse a model */
    return 0;
}

/* job: pushed already, held. */
static int wait_for(struct job *job, struct err *e)
{
    sem_t done;
    struct job_waiter waiter = { .told = post, .arg = &done };

    sem_init(&done, 0, 0);
    job_join(job, &waiter);
    while (sem_wait(&done))
        continue; /* interrupted */
    sem_destroy(&done);
    return job->err.code == ERR_NONE ? 0 : err_set(e, job->err.code, "%s", job->err.msg);
}

int warm_up(void *app, struct instance *i, struct err *e)
{
    const struct app *a = app;
    struct job *job = NULL;
    int failed = make_job(&a->limits, i, &job, e) || queue_reserve(a->queue, 0, e);

    if (!failed) {
        job_keep(job); /* nobody waits yet */
        queue_push(a->queue, job_hold(job));
        failed = wait_for(job, e);
    }
    job_free(job);
    return failed ? err_prefix(e, "warm-up: ") : 0;
}
