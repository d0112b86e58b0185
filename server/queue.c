#include "server/queue.h"

#include <pthread.h>
#include <time.h>

#include "base/mem.h"

struct queue {
    pthread_mutex_t lock; /* guards every field below */
    pthread_cond_t change;
    struct job *first, **last;
    int pictures, pictures_max;
    int coming; /* jobs reserved and not yet popped */
    bool closed, woken;
};

static void init_change(struct queue *q)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* a set clock must not stop the daemon */
    pthread_cond_init(&q->change, &attr);
    pthread_condattr_destroy(&attr);
}

int queue_new(int pictures_max, struct queue **ret_queue, struct err *e)
{
    struct queue *q = mem_alloc(1, sizeof *q);

    if (!q)
        return err_set(e, ERR_NOMEM, "queue: out of memory");
    pthread_mutex_init(&q->lock, NULL);
    init_change(q);
    q->last = &q->first;
    q->pictures_max = pictures_max;
    *ret_queue = q;
    return 0;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    for (struct job *job = q->first, *next; job; job = next) {
        next = job->next;
        job_free(job);
    }
    pthread_cond_destroy(&q->change);
    pthread_mutex_destroy(&q->lock);
    mem_free(q);
}

static int check_room(const struct queue *q, int pictures, struct err *e)
{
    if (q->closed)
        return err_set(e, ERR_UNAVAILABLE, "the daemon is shutting down");
    if (q->pictures + pictures > q->pictures_max)
        return err_set(e, ERR_BUSY, "queue: %d pictures wait, %d more are over the limit of %d",
                       q->pictures, pictures, q->pictures_max);
    return 0;
}

int queue_reserve(struct queue *q, int pictures, struct err *e)
{
    int failed;

    pthread_mutex_lock(&q->lock);
    failed = check_room(q, pictures, e);
    if (!failed) {
        q->pictures += pictures;
        q->coming++;
    }
    pthread_mutex_unlock(&q->lock);
    return failed;
}

void queue_unreserve(struct queue *q, int pictures)
{
    pthread_mutex_lock(&q->lock);
    q->pictures -= pictures;
    q->coming--;
    pthread_cond_signal(&q->change);
    pthread_mutex_unlock(&q->lock);
}

void queue_push(struct queue *q, struct job *job)
{
    atomic_store(&job->state, JOB_QUEUED);
    job->next = NULL;
    pthread_mutex_lock(&q->lock);
    *q->last = job;
    q->last = &job->next;
    pthread_cond_signal(&q->change);
    pthread_mutex_unlock(&q->lock);
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_signal(&q->change);
    pthread_mutex_unlock(&q->lock);
}

bool queue_closed(struct queue *q)
{
    bool closed;

    pthread_mutex_lock(&q->lock);
    closed = q->closed;
    pthread_mutex_unlock(&q->lock);
    return closed;
}

void queue_wake(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->woken = true;
    pthread_cond_signal(&q->change);
    pthread_mutex_unlock(&q->lock);
}

struct job *queue_pop(struct queue *q)
{
    struct job *job;

    pthread_mutex_lock(&q->lock);
    job = q->first;
    if (job) {
        q->first = job->next;
        if (!q->first)
            q->last = &q->first;
        job->next = NULL;
        q->coming--;
    }
    pthread_mutex_unlock(&q->lock);
    return job;
}

void queue_release(struct queue *q, int pictures)
{
    pthread_mutex_lock(&q->lock);
    q->pictures -= pictures;
    pthread_mutex_unlock(&q->lock);
}

static struct timespec after_ms(int ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

void queue_wait(struct queue *q, int timeout_ms)
{
    struct timespec until = after_ms(timeout_ms);
    int timed_out = 0;

    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->woken && !(q->closed && q->coming == 0) && !timed_out)
        timed_out = pthread_cond_timedwait(&q->change, &q->lock, &until);
    q->woken = false;
    pthread_mutex_unlock(&q->lock);
}

bool queue_drained(struct queue *q)
{
    bool drained;

    pthread_mutex_lock(&q->lock);
    drained = q->closed && q->coming == 0;
    pthread_mutex_unlock(&q->lock);
    return drained;
}

int queue_pictures(struct queue *q)
{
    int n;

    pthread_mutex_lock(&q->lock);
    n = q->pictures;
    pthread_mutex_unlock(&q->lock);
    return n;
}
