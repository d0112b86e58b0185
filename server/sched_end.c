#include "server/sched_impl.h"

#include "base/clock.h"
#include "base/log.h"

int sched_count(const struct job *job, enum picture_stage stage)
{
    int n = 0;

    for (int i = 0; i < job->n_pictures; i++)
        n += job->pictures[i].stage == stage;
    return n;
}

static void give_back(struct sched *s, struct job *job)
{
    struct engine *g = job->instance->engine;

    for (int i = 0; i < job->n_pictures; i++)
        if (job->pictures[i].stage == PICTURE_DRAWING)
            g->calls->drop(g, job->pictures[i].slot);
    queue_release(s->queue, job->places);
    job->places = 0;
    line_remove(&job->instance->rows, job);
    line_remove(&s->work, job);
    job->instance->jobs--;
}

/* What is worth a line in the log; the others are in the access line. */
static bool is_failure(enum err_code code)
{
    return code == ERR_INTERNAL || code == ERR_DEVICE || code == ERR_NOMEM || code == ERR_IO;
}

static void record(struct sched *s, const struct job *job)
{
    enum err_code code = job->err.code;

    if (code == ERR_NONE) {
        stats_observe(s->stats, STATS_QUEUE, job->times.queue);
        stats_observe(s->stats, STATS_ENCODE, job->times.encode);
        stats_observe(s->stats, STATS_DECODE, job->times.decode);
        stats_observe(s->stats, STATS_PIXELS, job->times.pixels);
    } else if (code == ERR_CANCELLED) {
        stats_add(s->stats, STATS_CANCELLED, 1);
    } else if (code == ERR_TIMEOUT) {
        stats_add(s->stats, STATS_DEADLINES, 1);
    } else if (is_failure(code)) {
        log_error("sched: job %s: %s", job->id, job->err.msg);
    }
}

void sched_publish(struct sched *s)
{
    int running = 0, rows = 0;

    for (const struct job *job = s->jobs; job; job = job->next)
        running += atomic_load(&job->state) == JOB_RUNNING;
    for (const struct instance *i = s->working; i; i = i->working)
        rows += i->engine->info.rows - i->engine->calls->rows_free(i->engine);
    atomic_store(&s->running, running);
    atomic_store(&s->rows_used, rows);
}

/* Takes the job at *link out of the list and lets its waiter have it. */
static void end_job(struct sched *s, struct job **link)
{
    struct job *job = *link;

    *link = job->next;
    job->next = NULL;
    give_back(s, job);
    record(s, job);
    sched_publish(s); /* before the waiter hears: who has an answer must see his rows free */
    job_finish(job);
}

static void end_where(struct sched *s, bool (*over)(const struct job *job))
{
    for (struct job **link = &s->jobs; *link;) {
        if (over(*link))
            end_job(s, link);
        else
            link = &(*link)->next;
    }
}

static bool has_failed(const struct job *job)
{
    return job->err.code != ERR_NONE;
}

void sched_end_failed(struct sched *s)
{
    end_where(s, has_failed);
}

static bool is_complete(const struct job *job)
{
    return sched_count(job, PICTURE_READY) == job->n_pictures;
}

void sched_end_complete(struct sched *s)
{
    end_where(s, is_complete);
}

void sched_end_expired(struct sched *s)
{
    int64_t now = clock_ns();

    for (struct job *job = s->jobs; job; job = job->next) {
        enum err_code why = job_expired(job, now);
        if (why != ERR_NONE)
            job_set_expired(job, why, now);
    }
    sched_end_failed(s);
}

void sched_fail_all(struct sched *s, enum err_code code, const char *why)
{
    for (struct job *job = s->jobs; job; job = job->next)
        if (job->err.code == ERR_NONE)
            err_set(&job->err, code, "%s", why);
    sched_end_failed(s);
}

void sched_note_fault(struct sched *s, const struct err *e)
{
    if (e->code == ERR_DEVICE)
        atomic_store(&s->faulted, true);
}

void sched_fail(struct sched *s, struct job *job)
{
    sched_note_fault(s, &job->err);
    sched_end_failed(s);
}
