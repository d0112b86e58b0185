#include "server/current.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

struct current {
    pthread_mutex_t lock; /* guards the fields below */
    int places, next;     /* next: the place that is taken when none is free */
    struct job *jobs[];   /* held; NULL: a free place */
};

int current_new(int places, struct current **ret_current, struct err *e)
{
    struct current *c = mem_alloc(1, sizeof *c + (size_t)places * sizeof c->jobs[0]);

    if (!c)
        return err_set(e, ERR_NOMEM, "current jobs: out of memory");
    pthread_mutex_init(&c->lock, NULL);
    c->places = places;
    *ret_current = c;
    return 0;
}

void current_free(struct current *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->places; i++)
        job_free(c->jobs[i]);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static void prune(struct current *c)
{
    for (int i = 0; i < c->places; i++) {
        if (!c->jobs[i] || !job_over(c->jobs[i]))
            continue;
        job_free(c->jobs[i]);
        c->jobs[i] = NULL;
    }
}

static struct job **find(struct current *c, const char *client)
{
    for (int i = 0; i < c->places; i++)
        if (c->jobs[i] && strcmp(c->jobs[i]->client, client) == 0)
            return &c->jobs[i];
    return NULL;
}

/* A free place, or the one whose turn it is to become free. */
static struct job **make_room(struct current *c)
{
    for (int i = 0; i < c->places; i++)
        if (!c->jobs[i])
            return &c->jobs[i];
    c->next = (c->next + 1) % c->places;
    return &c->jobs[c->next];
}

void current_set(struct current *c, struct job *job)
{
    struct job **place;

    pthread_mutex_lock(&c->lock);
    prune(c);
    place = find(c, job->client);
    if (!place)
        place = make_room(c);
    job_free(*place);
    *place = job_hold(job);
    pthread_mutex_unlock(&c->lock);
}

struct job *current_get(struct current *c, const char *client)
{
    struct job **place, *job;

    pthread_mutex_lock(&c->lock);
    prune(c);
    place = find(c, client);
    job = place ? job_hold(*place) : NULL;
    pthread_mutex_unlock(&c->lock);
    return job;
}

void current_prune(struct current *c)
{
    pthread_mutex_lock(&c->lock);
    prune(c);
    pthread_mutex_unlock(&c->lock);
}
