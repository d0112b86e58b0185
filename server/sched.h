/*
 * The scheduler: the one thread that uses engines. A turn takes new jobs, ends those that nobody
 * wants any more, and for each instance with jobs gives free rows to pictures in the order of its
 * waiting line (line.h) and steps its live slots; then it does one piece of what comes after the
 * tokens: the pixels of one picture, or its score. So nothing keeps a new request from its first
 * step for longer than one such piece and a step of each model in use.
 *
 * No lock is held while the device works.
 */
#ifndef SERVER_SCHED_H
#define SERVER_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "server/queue.h"
#include "server/stats.h"

struct sched;

/* Both are borrowed and must outlive the scheduler. Jobs bring the instance that works for them. */
int sched_new(struct queue *queue, struct stats *stats, struct sched **ret_sched, struct err *e);
/* After sched_join, or without a thread. Jobs still running are failed as UNAVAILABLE. */
void sched_free(struct sched *s);

/* One turn in the calling thread; false when no job is left. Tests call it by hand. */
bool sched_turn(struct sched *s);

/* Starts the device thread: turns until the queue is closed and every job has ended. */
int sched_start(struct sched *s, struct err *e);
void sched_join(struct sched *s);

/* ---- any thread ---- */

/* Fails every job with UNAVAILABLE from the next turn on. */
void sched_abort(struct sched *s);
/* The thread has ended all jobs and left. */
bool sched_finished(const struct sched *s);
/* When the last turn began. */
int64_t sched_beat_ns(const struct sched *s);
/* The device failed; nothing will work until the process is started again. */
bool sched_faulted(const struct sched *s);
/* Jobs that have or had a slot, and rows in use. */
int sched_jobs(const struct sched *s);
int sched_rows_used(const struct sched *s);
/* Seconds until so many waiting pictures have their slots, by measured service time; 1 at least. */
int sched_wait_s(const struct sched *s, int pictures);

#endif
