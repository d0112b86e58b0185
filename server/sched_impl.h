/*
 * What the parts of the scheduler share: sched.c (turns, thread), sched_rows.c (pictures that have
 * or want rows), sched_work.c (all else that the device does for them), sched_end.c (the end of
 * jobs). Private to them; device thread only, but for the atomics.
 */
#ifndef SERVER_SCHED_IMPL_H
#define SERVER_SCHED_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/instance.h"
#include "server/line.h"
#include "server/sched.h"

struct sched {
    struct queue *queue;
    struct stats *stats;

    struct job *jobs;         /* all that have not ended, oldest first */
    struct instance *working; /* all that have jobs, held */
    struct line work;         /* jobs with work that needs no rows */

    pthread_t thread;
    /* written by the device thread, read by any; picture_ns: the mean of a picture's time divided
     * by the slots that it shared that time with */
    _Atomic int64_t beat_ns, picture_ns;
    _Atomic int running, rows_used;
    _Atomic bool faulted, aborted, finished;
};

/* ---- pictures of a job ---- */

int sched_count(const struct job *job, enum picture_stage stage);
struct picture *sched_first(const struct job *job, enum picture_stage stage);

/* ---- sched_end.c ---- */

/* Numbers for other threads. */
void sched_publish(struct sched *s);
/* Ends every job whose err is set. */
void sched_end_failed(struct sched *s);
/* Ends this one, whose err a call of the engine has set. */
void sched_fail(struct sched *s, struct job *job);
void sched_end_complete(struct sched *s);
/* Those whose client has gone or whose time is over. */
void sched_end_expired(struct sched *s);
void sched_fail_all(struct sched *s, enum err_code code, const char *why);
/* After a failed call of the engine: a broken device stays broken. */
void sched_note_fault(struct sched *s, const struct err *e);

/* ---- sched_rows.c ---- */

/* Gives the instance's free rows to pictures, in the order of its line. Stops at the first job that
 * does not fit, or pairs of rows would starve behind single ones; and at one with inputs left to
 * look at: one a turn, or a long list would keep everybody from the next step. */
void sched_admit(struct sched *s, struct instance *i);
/* One token for every picture that has a slot of the instance; those that have all give their rows
 * back. */
void sched_step(struct sched *s, struct instance *i);

/* ---- sched_work.c ---- */

/* The device does something for the job from now on. */
void sched_note_begin(struct job *job);
/* Gives a place in the queue back. */
void sched_give_place(struct sched *s, struct job *job);
/* Looks at the next input of the job. */
int sched_look(struct job *job);
/* The job has work for the device that needs no rows. */
bool sched_has_work(const struct job *job);
/* One piece of such work, or more when more pictures are finished than one piece a turn would keep
 * pace with. */
void sched_work(struct sched *s);

#endif
