/*
 * A lane is a list by `behind`; the lanes of a class are a list by `lane` of their first jobs. Both
 * are short: the queue is bounded.
 */
#include "server/line.h"

#include <string.h>

static struct line_link *link_of(const struct line *l, struct job *job)
{
    return &job->links[l->id];
}

/* Where the client's lane hangs in its class, or where a new lane would. */
static struct job **find_lane(struct line *l, const struct job *job)
{
    struct job **at = &l->first[job->request.priority];

    while (*at && strcmp((*at)->client, job->client) != 0)
        at = &link_of(l, *at)->lane;
    return at;
}

void line_add(struct line *l, struct job *job)
{
    struct job **at = find_lane(l, job);

    if (link_of(l, job)->in)
        return;
    while (*at)
        at = &link_of(l, *at)->behind;
    *at = job;
    *link_of(l, job) = (struct line_link){ .in = true };
    l->changed = true;
}

struct job *line_next(const struct line *l)
{
    for (int c = 0; c < PRIORITY_N; c++)
        if (l->first[c])
            return l->first[c];
    return NULL;
}

/* The lane at *at loses its first job; without another it is gone. */
static void shift_lane(struct line *l, struct job **at)
{
    struct line_link *gone = link_of(l, *at);

    if (gone->behind)
        link_of(l, gone->behind)->lane = gone->lane;
    *at = gone->behind ? gone->behind : gone->lane;
}

void line_remove(struct line *l, struct job *job)
{
    struct job **at = find_lane(l, job);

    if (!link_of(l, job)->in)
        return;
    if (*at == job) {
        shift_lane(l, at);
    } else {
        while (*at != job)
            at = &link_of(l, *at)->behind;
        *at = link_of(l, job)->behind;
    }
    *link_of(l, job) = (struct line_link){ 0 };
    l->changed = true;
}

/* The first lane of a class goes to its end. */
static void rotate(struct line *l, struct job **class)
{
    struct job *lane = *class, **last = class;

    *class = link_of(l, lane)->lane;
    link_of(l, lane)->lane = NULL;
    while (*last)
        last = &link_of(l, *last)->lane;
    *last = lane;
}

void line_served(struct line *l, struct job *job, bool waits)
{
    bool others = link_of(l, job)->behind != NULL;

    line_remove(l, job);
    if (others)
        rotate(l, &l->first[job->request.priority]);
    if (waits)
        line_add(l, job);
}

/* Round by round: every lane's first job, then every lane's second, and so on. */
static int publish_class(struct line *l, struct job *first, int ahead)
{
    bool more = first != NULL;

    for (struct job *lane = first; lane; lane = link_of(l, lane)->lane)
        link_of(l, lane)->shown = lane;
    while (more) {
        more = false;
        for (struct job *lane = first; lane; lane = link_of(l, lane)->lane) {
            struct job **shown = &link_of(l, lane)->shown;
            if (!*shown)
                continue;
            if (atomic_exchange(&(*shown)->ahead, ahead) != ahead)
                job_tell(*shown);
            ahead++;
            *shown = link_of(l, *shown)->behind;
            more = true;
        }
    }
    return ahead;
}

void line_publish(struct line *l)
{
    int ahead = 0;

    for (int c = 0; c < PRIORITY_N && l->changed; c++)
        ahead = publish_class(l, l->first[c], ahead);
    l->changed = false;
}
