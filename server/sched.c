#include "server/sched_impl.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define IDLE_MS 1000 /* an idle scheduler beats this often */

int sched_new(struct queue *queue, struct stats *stats, struct sched **ret_sched, struct err *e)
{
    struct sched *s = mem_alloc(1, sizeof *s);

    if (!s)
        return err_set(e, ERR_NOMEM, "scheduler: out of memory");
    s->queue = queue;
    s->stats = stats;
    s->work.id = LINE_WORK;
    atomic_store(&s->beat_ns, clock_ns());
    *ret_sched = s;
    return 0;
}

/* ---- instances with jobs ---- */

static void begin_with(struct sched *s, struct job *job)
{
    struct instance *i = job->instance;

    if (i->jobs++ == 0) {
        i->working = s->working;
        s->working = instance_hold(i);
    }
    line_add(sched_has_work(job) ? &s->work : &i->rows, job);
}

/* Those whose last job has ended. */
static void let_go(struct sched *s)
{
    for (struct instance **link = &s->working; *link;) {
        struct instance *i = *link;
        if (i->jobs == 0) {
            *link = i->working;
            instance_drop(i);
        } else {
            link = &i->working;
        }
    }
}

void sched_free(struct sched *s)
{
    if (!s)
        return;
    sched_fail_all(s, ERR_UNAVAILABLE, "the daemon is shutting down");
    let_go(s);
    mem_free(s);
}

/* ---- a turn ---- */

static void end_everything_if_over(struct sched *s)
{
    if (atomic_load(&s->faulted))
        sched_fail_all(s, ERR_UNAVAILABLE, "the device failed; the daemon must be restarted");
    else if (atomic_load(&s->aborted))
        sched_fail_all(s, ERR_UNAVAILABLE, "the daemon is shutting down");
}

static void take_new(struct sched *s)
{
    struct job **last = &s->jobs;

    while (*last)
        last = &(*last)->next;
    for (; (*last = queue_pop(s->queue)); last = &(*last)->next)
        begin_with(s, *last);
}

bool sched_turn(struct sched *s)
{
    atomic_store(&s->beat_ns, clock_ns());
    take_new(s);
    end_everything_if_over(s);
    sched_end_expired(s);
    for (struct instance *i = s->working; i; i = i->working)
        sched_admit(s, i);
    for (struct instance *i = s->working; i; i = i->working) {
        line_publish(&i->rows);
        sched_step(s, i);
    }
    line_publish(&s->work);
    sched_work(s);
    sched_end_complete(s);
    sched_publish(s);
    let_go(s);
    return s->jobs != NULL;
}

/* ---- the thread ---- */

static void *sched_loop(void *arg)
{
    struct sched *s = arg;

    while (sched_turn(s) || !queue_drained(s->queue))
        if (!s->jobs)
            queue_wait(s->queue, IDLE_MS);
    atomic_store(&s->finished, true);
    return NULL;
}

int sched_start(struct sched *s, struct err *e)
{
    int code = pthread_create(&s->thread, NULL, sched_loop, s);

    if (code)
        return err_set(e, ERR_IO, "device thread: %s", strerror(code));
    return 0;
}

void sched_join(struct sched *s)
{
    pthread_join(s->thread, NULL);
}

/* ---- from any thread ---- */

void sched_abort(struct sched *s)
{
    atomic_store(&s->aborted, true);
    queue_wake(s->queue);
}

bool sched_finished(const struct sched *s)
{
    return atomic_load(&s->finished);
}

int64_t sched_beat_ns(const struct sched *s)
{
    return atomic_load(&s->beat_ns);
}

bool sched_faulted(const struct sched *s)
{
    return atomic_load(&s->faulted);
}

int sched_jobs(const struct sched *s)
{
    return atomic_load(&s->running);
}

int sched_rows_used(const struct sched *s)
{
    return atomic_load(&s->rows_used);
}

int sched_wait_s(const struct sched *s, int pictures)
{
    return 1 + (int)(atomic_load(&s->picture_ns) * pictures / 1000000000);
}
