#include "server/job.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/rank.h"
#include "server/instance.h"

/* What a request asks for, as pictures at their first stage. */
static const enum picture_stage FIRST_STAGE[] = {
    [REQUEST_GENERATE] = PICTURE_WAITING,
    [REQUEST_EMBED] = PICTURE_INPUT,
    [REQUEST_ENCODE] = PICTURE_PIXELS,
    [REQUEST_DECODE] = PICTURE_TOKENS,
};

static int pictures_wanted(const struct gen_request *r)
{
    switch (r->kind) {
    case REQUEST_GENERATE:
        return r->n_prompts * r->candidates;
    case REQUEST_DECODE:
        return r->n;
    default:
        return r->n_inputs;
    }
}

struct gen_settings job_settings(const struct job *job, const struct picture *p)
{
    struct gen_settings s = request_settings(&job->request, 0);

    s.seed = p->seed;
    return s;
}

/* What picture i begins with. */
static void fill_picture(struct job *job, struct picture *p, int i, int n_tokens)
{
    struct gen_request *r = &job->request;
    size_t at = (size_t)i * (size_t)n_tokens;

    p->slot = -1;
    p->stage = FIRST_STAGE[r->kind];
    if (r->kind == REQUEST_GENERATE) {
        p->prompt = i / r->candidates;
        p->seed = request_seed(r->seed, i % r->candidates);
    }
    if (r->kind == REQUEST_DECODE)
        memcpy(p->tokens, r->tokens + at, (size_t)n_tokens * sizeof *p->tokens);
}

static int alloc_pictures(struct job *job, const struct engine_info *info)
{
    int n = pictures_wanted(&job->request);

    job->pictures = mem_alloc((size_t)n, sizeof *job->pictures);
    job->scores = mem_alloc((size_t)n, sizeof *job->scores);
    if (!job->pictures || !job->scores)
        return -1;
    job->n_pictures = job->n_wanted = job->places = n;
    job->n_tokens = info->tokens;
    for (int i = 0; i < n; i++) {
        struct picture *p = &job->pictures[i];
        p->tokens = mem_alloc((size_t)info->tokens, sizeof *p->tokens);
        p->embed = mem_alloc((size_t)info->embed_dim, sizeof *p->embed);
        if (!p->tokens || !p->embed)
            return -1;
        fill_picture(job, p, i, info->tokens);
    }
    return 0;
}

void job_date(struct job *job, int64_t arrived_ns)
{
    job->arrived_ns = arrived_ns;
    job->deadline_ns = arrived_ns + (int64_t)job->request.timeout_ms * 1000000;
}

int job_new(const char *id, const char *client, struct gen_request *request,
            const struct engine_info *info, struct job **ret_job, struct err *e)
{
    struct job *job = mem_alloc(1, sizeof *job);

    if (!job) {
        gen_request_release(request);
        return err_set(e, ERR_NOMEM, "job: out of memory");
    }
    job->request = *request;
    job->info = *info;
    atomic_store(&job->holds, 1);
    pthread_mutex_init(&job->lock, NULL);
    snprintf(job->id, sizeof job->id, "%s", id);
    snprintf(job->client, sizeof job->client, "%s", client);
    job_date(job, clock_ns());
    if (prompts_init(&job->prompts, &job->request, info->embed_dim, NULL) ||
        alloc_pictures(job, info)) {
        job_free(job);
        return err_set(e, ERR_NOMEM, "job: out of memory");
    }
    *ret_job = job;
    return 0;
}

static void picture_release(struct picture *p)
{
    mem_free(p->tokens);
    mem_free(p->embed);
    image_release(&p->image);
    image_release(&p->partial);
}

void job_give_instance(struct job *job, struct instance *i)
{
    job->instance = instance_hold(i);
}

struct job *job_hold(struct job *job)
{
    atomic_fetch_add(&job->holds, 1);
    return job;
}

void job_free(struct job *job)
{
    if (!job || atomic_fetch_sub(&job->holds, 1) > 1)
        return;
    for (int i = 0; i < job->n_pictures; i++)
        picture_release(&job->pictures[i]);
    instance_drop(job->instance);
    mem_free(job->pictures);
    mem_free(job->scores);
    prompts_release(&job->prompts);
    gen_request_release(&job->request);
    pthread_mutex_destroy(&job->lock);
    mem_free(job);
}

/* ---- who waits ---- */

bool job_over(const struct job *job)
{
    return atomic_load(&job->state) == JOB_DONE;
}

double job_progress(const struct job *job)
{
    int n_tokens = job->request.kind == REQUEST_GENERATE ? job->n_tokens : 0;
    double done = atomic_load(&job->drawn) + atomic_load(&job->ready);

    return done / ((double)job->n_wanted * (n_tokens + 1));
}

void job_join(struct job *job, struct job_waiter *w)
{
    pthread_mutex_lock(&job->lock);
    if (job_over(job)) {
        w->told(w->arg, true);
    } else {
        w->next = job->waiters;
        job->waiters = w;
    }
    pthread_mutex_unlock(&job->lock);
}

bool job_leave(struct job *job, struct job_waiter *w)
{
    struct job_waiter **link = &job->waiters;
    bool was_in;

    pthread_mutex_lock(&job->lock);
    while (*link && *link != w)
        link = &(*link)->next;
    was_in = *link != NULL;
    if (was_in)
        *link = w->next;
    if (was_in && !job->waiters && !job->kept)
        atomic_store(&job->cancel, JOB_CLIENT_GONE);
    pthread_mutex_unlock(&job->lock);
    return was_in;
}

void job_keep(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    job->kept = true;
    pthread_mutex_unlock(&job->lock);
}

void job_cancel(struct job *job)
{
    atomic_store(&job->cancel, JOB_CANCELLED);
}

void job_tell(struct job *job)
{
    pthread_mutex_lock(&job->lock);
    for (struct job_waiter *w = job->waiters; w; w = w->next)
        w->told(w->arg, false);
    pthread_mutex_unlock(&job->lock);
}

void job_show(struct job *job, struct picture *p, int k, struct image *img)
{
    pthread_mutex_lock(&job->lock);
    image_release(&p->partial);
    p->partial = *img;
    p->n_partials = k;
    pthread_mutex_unlock(&job->lock);
    job_tell(job);
}

bool job_partial(struct job *job, int i, int *seen, struct image *ret_img)
{
    const struct picture *p = &job->pictures[i];
    bool there;

    pthread_mutex_lock(&job->lock);
    there = !job_over(job) && p->n_partials > *seen && image_copy(&p->partial, ret_img, NULL) == 0;
    if (there)
        *seen = p->n_partials;
    pthread_mutex_unlock(&job->lock);
    return there;
}

/* ---- the end ---- */

enum err_code job_expired(const struct job *job, int64_t now_ns)
{
    if (atomic_load(&job->cancel) != JOB_WANTED)
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
        err_set(&job->err, why,
                atomic_load(&job->cancel) == JOB_CANCELLED ? "the job was cancelled"
                                                           : "the client went away");
    else
        err_set(&job->err, why, "deadline: %.1f s have passed, %d of %d pictures were ready",
                (double)(now_ns - job->arrived_ns) / 1e9, pictures_ready(job), job->n_pictures);
}

/* Best first. */
static void sort_pictures(struct picture *pictures, int n)
{
    float scores[REQUEST_CANDIDATES_MAX] = { 0 };
    int order[REQUEST_CANDIDATES_MAX];
    struct picture sorted[REQUEST_CANDIDATES_MAX];

    for (int i = 0; i < n; i++)
        scores[i] = pictures[i].score;
    rank_order(scores, n, order);
    for (int i = 0; i < n; i++)
        sorted[i] = pictures[order[i]];
    memcpy(pictures, sorted, (size_t)n * sizeof *sorted);
}

static void note_scores(struct job *job)
{
    if (job->request.kind != REQUEST_GENERATE)
        return;
    job->n_scores = job->n_pictures;
    for (int i = 0; i < job->n_pictures; i++) {
        const struct picture *p = &job->pictures[i];
        job->scores[i] = (struct job_score){ p->prompt, p->seed, p->score };
    }
}

/* Of each prompt the best n, best first, when more were drawn than are kept; else all, in the order
 * of their seeds. */
static void keep_best(struct job *job)
{
    int n = job->request.n, candidates = job->request.candidates, kept = 0;

    if (job->request.kind != REQUEST_GENERATE || candidates == n)
        return;
    for (int i = 0; i < job->n_pictures; i += candidates)
        sort_pictures(job->pictures + i, candidates);
    for (int i = 0; i < job->n_pictures; i++) {
        if (i % candidates < n)
            job->pictures[kept++] = job->pictures[i];
        else
            picture_release(&job->pictures[i]);
    }
    job->n_pictures = kept;
}

static void tell_the_end(struct job *job)
{
    struct job_waiter *w, *next;

    pthread_mutex_lock(&job->lock);
    if (job->err.code == ERR_NONE) {
        note_scores(job);
        keep_best(job);
    }
    if (job->on_end)
        job->on_end(job->on_end_arg, job);
    job->ended_ns = clock_ns();
    atomic_store(&job->state, JOB_DONE);
    for (w = job->waiters; w; w = next) {
        next = w->next; /* after the end its storage is not ours */
        w->told(w->arg, true);
    }
    job->waiters = NULL;
    pthread_mutex_unlock(&job->lock);
}

/* Jobs are kept for clients that come back, models only for those that work. */
static void give_instance_back(struct job *job)
{
    instance_drop(job->instance);
    job->instance = NULL;
}

void job_finish(struct job *job)
{
    give_instance_back(job);
    tell_the_end(job);
    job_free(job);
}
