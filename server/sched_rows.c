#include "server/sched_impl.h"

#include <string.h>

#include "base/clock.h"

#define PROGRESS_TELLS 32 /* of a job */

struct picture *sched_first(const struct job *job, enum picture_stage stage)
{
    for (int i = 0; i < job->n_pictures; i++)
        if (job->pictures[i].stage == stage)
            return &job->pictures[i];
    return NULL;
}

/* ---- waiting -> drawing ---- */

static int admit(struct sched *s, struct job *job, struct picture *p)
{
    struct gen_settings settings = job_settings(job, p);
    struct engine *g = job->instance->engine;
    const float *cond = job->prompts.means + p->prompt * g->info.embed_dim;

    if (g->calls->admit(g, cond, job->prompts.negative, &settings, &p->slot, &job->err))
        return -1;
    p->stage = PICTURE_DRAWING;
    p->started_ns = clock_ns();
    if (!job->started_ns)
        job->started_ns = p->started_ns;
    sched_give_place(s, job);
    line_served(&job->instance->rows, job, sched_first(job, PICTURE_WAITING) != NULL);
    return 0;
}

static bool fits(const struct engine *g, const struct job *job)
{
    struct gen_settings settings = request_settings(&job->request, 0);

    return g->calls->rows_free(g) >= g->calls->rows_needed(g, &settings);
}

void sched_admit(struct sched *s, struct instance *i)
{
    struct job *job;

    while ((job = line_next(&i->rows)) && fits(i->engine, job)) {
        bool ready = prompts_ready(&job->prompts, &job->request);
        int failed = ready ? admit(s, job, sched_first(job, PICTURE_WAITING)) : sched_look(job);
        if (failed)
            sched_fail(s, job);
        else if (!prompts_ready(&job->prompts, &job->request))
            return;
    }
}

/* ---- drawing -> tokens ---- */

/* A failed step fails every job that took part in it, and nobody else. */
static void fail_drawing(struct sched *s, const struct instance *i, const struct err *e)
{
    for (struct job *job = s->jobs; job; job = job->next)
        if (job->instance == i && sched_first(job, PICTURE_DRAWING))
            job->err = *e;
    sched_note_fault(s, e);
    sched_end_failed(s);
}

static int n_drawing(const struct sched *s, const struct instance *i)
{
    int n = 0;

    for (const struct job *job = s->jobs; job; job = job->next)
        n += job->instance == i ? sched_count(job, PICTURE_DRAWING) : 0;
    return n;
}

/* Copies the tokens and gives the rows back at once: pixels need none. */
static bool take_tokens(struct engine *g, struct picture *p)
{
    int n = g->info.tokens;

    if (p->stage != PICTURE_DRAWING || g->calls->position(g, p->slot) < n)
        return false;
    memcpy(p->tokens, g->calls->tokens(g, p->slot), (size_t)n * sizeof *p->tokens);
    g->calls->drop(g, p->slot);
    p->stage = PICTURE_TOKENS;
    return true;
}

static void collect_from(struct job *job)
{
    bool taken = false;

    for (int i = 0; i < job->n_pictures; i++)
        taken |= take_tokens(job->instance->engine, &job->pictures[i]);
    if (taken && !sched_first(job, PICTURE_WAITING) && !sched_first(job, PICTURE_DRAWING))
        job->times.decode = clock_ns() - job->started_ns;
}

/* Those who wait hear of it a few times, not of every token. */
static void note_drawn(struct job *job, int n)
{
    int before = atomic_fetch_add(&job->drawn, n), all = job->n_wanted * job->n_tokens;

    if ((int64_t)before * PROGRESS_TELLS / all != (int64_t)(before + n) * PROGRESS_TELLS / all)
        job_tell(job);
}

void sched_step(struct sched *s, struct instance *i)
{
    int n = n_drawing(s, i);
    struct engine *g = i->engine;
    struct err e;

    if (n == 0)
        return;
    stats_add(s->stats, STATS_ROW_STEPS, g->info.rows - g->calls->rows_free(g));
    if (g->calls->step(g, &e)) {
        fail_drawing(s, i, &e);
        return;
    }
    stats_add(s->stats, STATS_STEPS, 1);
    stats_add(s->stats, STATS_TOKENS, n);
    for (struct job *job = s->jobs; job; job = job->next) {
        if (job->instance != i)
            continue;
        note_drawn(job, sched_count(job, PICTURE_DRAWING));
        collect_from(job);
        if (sched_has_work(job))
            line_add(&s->work, job);
    }
}
