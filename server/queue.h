/*
 * Bounded queue between HTTP threads (many, push) and the scheduler (one, pop), which takes every
 * job at once and decides in which order they are served (line.h). The bound counts pictures that
 * nobody draws yet, wherever their job is: a place is taken by queue_reserve and given back by
 * queue_release when a picture gets its slot or its job ends.
 *
 * Reserve comes first because a connection must be suspended before the scheduler can see its job,
 * and must not be suspended for a job that is refused: reserve, suspend, push.
 */
#ifndef SERVER_QUEUE_H
#define SERVER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "server/job.h"

struct queue;

int queue_new(int pictures_max, struct queue **ret_queue, struct err *e);
/* Jobs still inside are freed. */
void queue_free(struct queue *q);

/* Takes places for a job's pictures. BUSY: over the limit; UNAVAILABLE: closed. Any thread. */
int queue_reserve(struct queue *q, int pictures, struct err *e);
/* Gives back what a reservation took, for a job that does not come after all. Any thread. */
void queue_unreserve(struct queue *q, int pictures);
/* Hands a job with reserved places, and the caller's hold on it, to the queue. Cannot fail. Any
 * thread.
 */
void queue_push(struct queue *q, struct job *job);
bool queue_closed(struct queue *q);
/* Refuses new reservations; jobs that have one still come. Any thread. */
void queue_close(struct queue *q);
/* Ends a queue_wait early. Any thread, also with a lock of its own held. */
void queue_wake(struct queue *q);

/* ---- the scheduler's side ---- */

/* The oldest job, with the hold on it; NULL if there is none. */
struct job *queue_pop(struct queue *q);
void queue_release(struct queue *q, int pictures);
/* Until there is a job, a wake, or timeout_ms have passed. */
void queue_wait(struct queue *q, int timeout_ms);
/* Closed, and no job is inside or on its way. */
bool queue_drained(struct queue *q);

/* ---- for numbers ---- */

int queue_pictures(struct queue *q); /* places taken */

#endif
