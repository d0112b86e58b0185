#include "server/shelf.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

struct place {
    struct shelf_label label; /* id "": never used */
    struct job *job;          /* held; NULL: gone */
    int64_t gone_ns;
};

struct shelf {
    pthread_mutex_t lock; /* guards every field below */
    struct place *places; /* [2 * max]: jobs, and ids of jobs that are gone */
    int max, n;           /* jobs */
    int64_t ttl_ns;
};

int shelf_new(int max, int64_t ttl_ns, struct shelf **ret_shelf, struct err *e)
{
    struct shelf *s = mem_alloc(1, sizeof *s);

    if (s)
        s->places = mem_alloc(2 * (size_t)max, sizeof *s->places);
    if (!s || !s->places) {
        mem_free(s);
        return err_set(e, ERR_NOMEM, "kept jobs: no memory for %d", max);
    }
    pthread_mutex_init(&s->lock, NULL);
    s->max = max;
    s->ttl_ns = ttl_ns;
    *ret_shelf = s;
    return 0;
}

void shelf_free(struct shelf *s)
{
    if (!s)
        return;
    for (int i = 0; i < 2 * s->max; i++)
        job_free(s->places[i].job);
    pthread_mutex_destroy(&s->lock);
    mem_free(s->places);
    mem_free(s);
}

/* ---- under the lock ---- */

static void put_away(struct shelf *s, struct place *p)
{
    job_free(p->job);
    p->job = NULL;
    p->gone_ns = clock_ns();
    s->n--;
}

static bool stayed_long_enough(const struct shelf *s, const struct place *p, int64_t now_ns)
{
    return p->job && job_over(p->job) && now_ns - p->job->ended_ns >= s->ttl_ns;
}

static void tidy(struct shelf *s)
{
    int64_t now = clock_ns();

    for (int i = 0; i < 2 * s->max; i++)
        if (stayed_long_enough(s, &s->places[i], now))
            put_away(s, &s->places[i]);
}

static struct place *by_id(const struct shelf *s, const char *id)
{
    for (int i = 0; i < 2 * s->max; i++)
        if (*id && strcmp(s->places[i].label.id, id) == 0)
            return &s->places[i];
    return NULL;
}

static bool has_failed(const struct job *job)
{
    return job_over(job) && job->err.code != ERR_NONE;
}

/* A job that failed is not found again: the client comes back because it wants it done. */
static struct place *by_key(const struct shelf *s, const char *client, const char *key)
{
    for (int i = 0; i < 2 * s->max; i++) {
        struct place *p = &s->places[i];
        if (*key && p->job && !has_failed(p->job) && strcmp(p->label.key, key) == 0 &&
            strcmp(p->job->client, client) == 0)
            return p;
    }
    return NULL;
}

/* The job that ended first; NULL when all run. */
static struct place *first_ended(const struct shelf *s)
{
    struct place *best = NULL;

    for (int i = 0; i < 2 * s->max; i++) {
        struct place *p = &s->places[i];
        if (p->job && job_over(p->job) && (!best || p->job->ended_ns < best->job->ended_ns))
            best = p;
    }
    return best;
}

/* One that was never used, else the id that is gone for longest. There is one: jobs take half. */
static struct place *free_place(const struct shelf *s)
{
    struct place *best = NULL;

    for (int i = 0; i < 2 * s->max; i++) {
        struct place *p = &s->places[i];
        if (!p->job && (!best || p->gone_ns < best->gone_ns))
            best = p;
    }
    return best;
}

static int make_room(struct shelf *s, struct err *e)
{
    struct place *ended = s->n == s->max ? first_ended(s) : NULL;

    if (ended)
        put_away(s, ended);
    if (s->n == s->max)
        return err_set(e, ERR_BUSY, "jobs: %d are kept and run, the limit is %d", s->n, s->max);
    return 0;
}

static int put(struct shelf *s, struct job *job, struct shelf_label *label, struct err *e)
{
    struct place *p;

    if (make_room(s, e))
        return -1;
    snprintf(label->id, sizeof label->id, "job-%016" PRIx64 "%016" PRIx64, rng_seed_from_system(),
             rng_seed_from_system());
    p = free_place(s);
    p->label = *label;
    p->job = job_hold(job);
    s->n++;
    return 0;
}

static enum shelf_found take_copy(const struct place *p, struct job **ret_job,
                                  struct shelf_label *ret_label)
{
    if (!p)
        return SHELF_UNKNOWN;
    if (!p->job)
        return SHELF_GONE;
    *ret_job = job_hold(p->job);
    *ret_label = p->label;
    return SHELF_HERE;
}

/* ---- from outside ---- */

int shelf_put(struct shelf *s, struct job *job, struct shelf_label *label, struct job **ret_other,
              struct err *e)
{
    int failed = 0;

    *ret_other = NULL;
    pthread_mutex_lock(&s->lock);
    tidy(s);
    if (take_copy(by_key(s, job->client, label->key), ret_other, label) != SHELF_HERE)
        failed = put(s, job, label, e);
    pthread_mutex_unlock(&s->lock);
    return failed;
}

enum shelf_found shelf_get(struct shelf *s, const char *id, struct job **ret_job,
                           struct shelf_label *ret_label)
{
    enum shelf_found found;

    pthread_mutex_lock(&s->lock);
    tidy(s);
    found = take_copy(by_id(s, id), ret_job, ret_label);
    pthread_mutex_unlock(&s->lock);
    return found;
}

enum shelf_found shelf_find(struct shelf *s, const char *client, const char *key,
                            struct job **ret_job, struct shelf_label *ret_label)
{
    enum shelf_found found;

    pthread_mutex_lock(&s->lock);
    tidy(s);
    found = take_copy(by_key(s, client, key), ret_job, ret_label);
    pthread_mutex_unlock(&s->lock);
    return found;
}

void shelf_drop(struct shelf *s, const char *id)
{
    struct place *p;

    pthread_mutex_lock(&s->lock);
    p = by_id(s, id);
    if (p && p->job)
        put_away(s, p);
    pthread_mutex_unlock(&s->lock);
}

void shelf_tidy(struct shelf *s)
{
    pthread_mutex_lock(&s->lock);
    tidy(s);
    pthread_mutex_unlock(&s->lock);
}

int shelf_count(struct shelf *s)
{
    int n;

    pthread_mutex_lock(&s->lock);
    n = s->n;
    pthread_mutex_unlock(&s->lock);
    return n;
}
