#include "server/job.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/rank.h"

static int alloc_pictures(struct job *job, const struct engine_info *info)
{
    int n = job->request.candidates;

    job->pictures = mem_alloc((size_t)n, sizeof *job->pictures);
    if (!job->pictures)
        return -1;
    job->n_pictures = n;
    for (int i = 0; i < n; i++) {
        struct picture *p = &job->pictures[i];
        p->slot = -1;
        p->seed = request_seed(job->request.seed, i);
        p->tokens = mem_alloc((size_t)info->tokens, sizeof *p->tokens);
        if (!p->tokens)
            return -1;
    }
    return 0;
}

int job_new(const char *id, struct gen_request *request, const struct engine_info *info,
            int64_t timeout_ns, struct job **ret_job, struct err *e)
{
    struct job *job = mem_alloc(1, sizeof *job);

    if (!job) {
        gen_request_release(request);
        return err_set(e, ERR_NOMEM, "job: out of memory");
    }
    job->request = *request;
    snprintf(job->id, sizeof job->id, "%s", id);
    job->arrived_ns = clock_ns();
    job->deadline_ns = job->arrived_ns + timeout_ns;
    job->ids = mem_alloc((size_t)info->context, sizeof *job->ids);
    job->embed = mem_alloc((size_t)info->embed_dim, sizeof *job->embed);
    job->cond = mem_alloc((size_t)info->embed_dim, sizeof *job->cond);
    if (!job->ids || !job->embed || !job->cond || alloc_pictures(job, info)) {
        job_free(job);
        return err_set(e, ERR_NOMEM, "job: out of memory");
    }
    *ret_job = job;
    return 0;
}

static void picture_release(struct picture *p)
{
    mem_free(p->tokens);
    image_release(&p->image);
}

void job_free(struct job *job)
{
    if (!job)
        return;
    for (int i = 0; i < job->n_pictures; i++)
        picture_release(&job->pictures[i]);
    mem_free(job->pictures);
    mem_free(job->ids);
    mem_free(job->embed);
    mem_free(job->cond);
    gen_request_release(&job->request);
    mem_free(job);
}

enum err_code job_expired(const struct job *job, int64_t now_ns)
{
    if (atomic_load(&job->cancel) == JOB_CLIENT_GONE)
        return ERR_CANCELLED;
    return now_ns >= job->deadline_ns ? ERR_TIMEOUT : ERR_NONE;
}

static int pictures_ready(const struct job *job)
{
    int n = 0;

    for (int i = 0; i < job->n_pictures; i++)
        n += job->pictures[i].stage == PICTURE_READY;
    return n;
}

void job_set_expired(struct job *job, enum err_code why, int64_t now_ns)
{
    if (why == ERR_CANCELLED)
        err_set(&job->err, why, "the client went away");
    else
        err_set(&job->err, why, "deadline: %.1f s have passed, %d of %d pictures were ready",
                (double)(now_ns - job->arrived_ns) / 1e9, pictures_ready(job), job->n_pictures);
}

/* Best first, when more were drawn than are kept; else in the order of their seeds. */
static void keep_best(struct job *job)
{
    float scores[REQUEST_CANDIDATES_MAX];
    int order[REQUEST_CANDIDATES_MAX];
    struct picture sorted[REQUEST_CANDIDATES_MAX];

    if (job->n_pictures == job->request.n)
        return;
    for (int i = 0; i < job->n_pictures; i++)
        scores[i] = job->pictures[i].score;
    rank_order(scores, job->n_pictures, order);
    for (int i = 0; i < job->n_pictures; i++)
        sorted[i] = job->pictures[order[i]];
    for (int i = 0; i < job->n_pictures; i++)
        job->pictures[i] = sorted[i];
    while (job->n_pictures > job->request.n)
        picture_release(&job->pictures[--job->n_pictures]);
}

void job_finish(struct job *job)
{
    if (job->err.code == ERR_NONE)
        keep_best(job);
    job->state = JOB_DONE;
    job->on_done(job->on_done_arg);
}
