#include "server/sched_impl.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define IDLE_MS 1000 /* an idle scheduler beats this often */

int sched_new(struct engine *engine, struct queue *queue, struct stats *stats,
              struct sched **ret_sched, struct err *e)
{
    struct sched *s = mem_alloc(1, sizeof *s);
    struct gen_settings usual = { .guidance = engine->info.sampling.guidance };

    if (!s)
        return err_set(e, ERR_NOMEM, "scheduler: out of memory");
    s->engine = engine;
    s->queue = queue;
    s->stats = stats;
    s->rows.id = LINE_ROWS;
    s->work.id = LINE_WORK;
    s->slots = engine->info.rows / engine->calls->rows_needed(engine, &usual);
    atomic_store(&s->beat_ns, clock_ns());
    *ret_sched = s;
    return 0;
}

void sched_free(struct sched *s)
{
    if (!s)
        return;
    sched_fail_all(s, ERR_UNAVAILABLE, "the daemon is shutting down");
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
        line_add(sched_has_work(s, *last) ? &s->work : &s->rows, *last);
}

bool sched_turn(struct sched *s)
{
    atomic_store(&s->beat_ns, clock_ns());
    take_new(s);
    end_everything_if_over(s);
    sched_end_expired(s);
    sched_admit(s);
    line_publish(&s->rows);
    line_publish(&s->work);
    sched_step(s);
    sched_work(s);
    sched_end_complete(s);
    sched_publish(s);
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
    int64_t ns = atomic_load(&s->picture_ns) * pictures / (s->slots ? s->slots : 1);

    return 1 + (int)(ns / 1000000000);
}
