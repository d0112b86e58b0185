/*
 * A waiting line of jobs: who is served next. Classes of priority come strictly one after the
 * other. Inside a class clients take turns, and inside a client its requests do: neither many
 * requests nor one large request keep others waiting.
 *
 * There are two lines: for rows (a turn is one picture's admission) and for the rest of the
 * device's work (a turn is one piece of it). A job may stand in both. Device thread only; jobs are
 * borrowed.
 */
#ifndef SERVER_LINE_H
#define SERVER_LINE_H

#include <stdbool.h>

#include "server/job.h"

struct line {
    enum line_id id;
    struct job *first[PRIORITY_N]; /* of each class: the lane (a client's requests) next in turn */
    bool changed;                  /* since line_publish */
};

/* At the end of its lane. Harmless when it is in the line. */
void line_add(struct line *l, struct job *job);
/* NULL: nobody waits. */
struct job *line_next(const struct line *l);
/* The job of line_next has had its turn: its client goes to the end, and so does the job among the
 * requests of its client, or out of the line unless it waits for another turn. */
void line_served(struct line *l, struct job *job, bool waits);
/* Takes a job out, wherever it is; harmless when it is not in the line. */
void line_remove(struct line *l, struct job *job);
/* Tells every job in the line how many are served before it: job->ahead. */
void line_publish(struct line *l);

#endif
