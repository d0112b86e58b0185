/*
 * A request on its way through the daemon. Several may hold a job: the queue or scheduler, the
 * exchange that waits for it, the shelf that keeps it under its id. Who may touch it:
 *
 *     PARSED   the HTTP thread that made it, everything, until queue_push
 *     QUEUED   the scheduler, everything, until the device does something for it
 *     RUNNING  the scheduler, everything, until job_finish
 *     DONE     nobody: any thread that holds it may read everything
 *
 * At all times any thread that holds it may read id, client, request, info and the atomic fields,
 * and call what is marked "any thread".
 */
#ifndef SERVER_JOB_H
#define SERVER_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/image.h"
#include "server/engine.h"
#include "server/prompts.h"
#include "server/request.h"

#define JOB_ID_MAX 64
#define JOB_CLIENT_MAX 64

enum job_state { JOB_PARSED, JOB_QUEUED, JOB_RUNNING, JOB_DONE };
enum job_cancel { JOB_WANTED, JOB_CLIENT_GONE, JOB_CANCELLED };

/* A picture to be drawn goes through WAITING, DRAWING, TOKENS, DRAWN, READY. Requests of other
 * kinds begin at the stage that they are about, and need no rows. */
enum picture_stage {
    PICTURE_WAITING, /* for rows */
    PICTURE_DRAWING, /* has a slot of the engine */
    PICTURE_TOKENS,  /* tokens complete, slot given back */
    PICTURE_DRAWN,   /* pixels there, score wanted */
    PICTURE_PIXELS,  /* pixels given, tokens wanted */
    PICTURE_INPUT,   /* input given, its embedding wanted */
    PICTURE_READY,   /* all that is wanted is there */
};

/* Where a job stands in a waiting line (line.h): for rows, or for the rest of the device's work. */
enum line_id { LINE_ROWS, LINE_WORK, LINE_N };

struct line_link {
    bool in;
    struct job *behind, *lane, *shown;
};

struct picture {
    enum picture_stage stage;
    int slot; /* while drawing */
    int64_t started_ns;
    int prompt; /* number of the one that it is of */
    uint64_t seed;
    int32_t *tokens; /* owned [info.tokens] */
    float *embed;    /* owned [embed_dim]: of the picture, or of the input */
    struct image image;
    float score; /* cosine of prompt and picture */

    struct image partial; /* what it looks like so far; under the job's lock, as n_partials */
    int n_partials;       /* so many times it has been shown */
};

/* How a candidate did, also one that is not kept. */
struct job_score {
    int prompt;
    uint64_t seed;
    float score;
};

/* Nanoseconds spent in each stage; pixels includes the score. */
struct job_times {
    int64_t queue, encode, decode, pixels;
};

/* Somebody who waits for a job. */
struct job_waiter {
    /* Any thread, under the job's lock: no job_* call on this job, nothing that waits. over: the
     * job is DONE, and this was the last call. */
    void (*told)(void *arg, bool over);
    void *arg;
    struct job_waiter *next; /* job.c's own */
};

struct instance;

struct job {
    char id[JOB_ID_MAX];
    char client[JOB_CLIENT_MAX]; /* whose turn it takes: a key's name or an address */
    struct gen_request request;  /* owned */
    struct engine_info info;     /* of the model that works for it */
    struct instance *instance;   /* of that model; held until the job ends. NULL: not given yet */
    int64_t arrived_ns, deadline_ns;
    _Atomic int state, cancel; /* enum job_state, enum job_cancel */
    _Atomic int holds;         /* job.c's own */

    pthread_mutex_t lock; /* guards waiters, kept, and the partial pictures */
    struct job_waiter *waiters;
    bool kept;

    struct job *next; /* in the owner's list */
    struct line_link links[LINE_N];
    _Atomic int ahead;      /* requests served before this one, while it is queued */
    _Atomic int drawn;      /* tokens of all its pictures */
    _Atomic int ready;      /* pictures */
    int64_t ended_ns;       /* of a job that is over */
    struct prompts prompts; /* owned; of REQUEST_GENERATE */
    int places;             /* of the queue that the job holds once it is in there */
    int64_t started_ns;     /* first picture got its slot; 0: none yet */
    struct picture *pictures;
    int n_tokens;   /* of a picture */
    int n_wanted;   /* pictures to be made ready */
    int n_pictures; /* those of a prompt side by side; after job_finish at most request.n of each */
    struct job_score
        *scores;  /* owned; of all candidates, in the order of prompts and seeds, after */
    int n_scores; /* job_finish */
    struct job_times times;
    struct err err; /* ERR_NONE: the pictures are there */

    void (*on_end)(void *arg, const struct job *job); /* NULL, or called once, before waiters are */
    void *on_end_arg;
};

/* request: prepared (gen_request_prepare); given away, also on failure. It wants `places` places of
 * the queue: one a picture. */
int job_new(const char *id, const char *client, struct gen_request *request,
            const struct engine_info *info, struct job **ret_job, struct err *e);
/* Before queue_push: when the request was there; its time counts from then. */
void job_date(struct job *job, int64_t arrived_ns);
/* Before queue_push: who works for it, held by the job from here until it ends. */
void job_give_instance(struct job *job, struct instance *i);
/* One more who holds the job, and one less: the last one frees it. Any thread. */
struct job *job_hold(struct job *job);
void job_free(struct job *job);

/* ---- waiting for it; any thread ---- */

bool job_over(const struct job *job);
/* How much of it is done, 0..1: tokens that are drawn, or inputs that are looked at. */
double job_progress(const struct job *job);
/* Adds a waiter, who is told at once if the job is over. The storage is the caller's, until told
 * that the job is over or until job_leave. */
void job_join(struct job *job, struct job_waiter *w);
/* True: the waiter has not been told of the end and will not be; false: it has been. A job that
 * loses its last waiter ends as cancelled, unless it is kept. */
bool job_leave(struct job *job, struct job_waiter *w);
/* What picture i looks like so far, if it has been shown more often than *seen, which is set to how
 * often; *ret_img is a copy. False also when memory is out or the job is over. */
bool job_partial(struct job *job, int i, int *seen, struct image *ret_img);
/* From now on the job goes on without waiters. */
void job_keep(struct job *job);
/* Ends it at the next turn of the scheduler, whoever waits. */
void job_cancel(struct job *job);

/* ---- for the scheduler ---- */

/* How a picture of the job is drawn. */
struct gen_settings job_settings(const struct job *job, const struct picture *p);

/* Why the job should not go on: CANCELLED, TIMEOUT, or ERR_NONE. */
enum err_code job_expired(const struct job *job, int64_t now_ns);
/* err of a job that must not go on, in words. */
void job_set_expired(struct job *job, enum err_code why, int64_t now_ns);
/* Tells those who wait that there is news. */
void job_tell(struct job *job);
/* A picture that is not done, shown for the k-th time; img is given away. Tells. */
void job_show(struct job *job, struct picture *p, int k, struct image *img);
/* The last touch: sorts and trims the pictures unless err is set, tells those who wait, and gives
 * up the caller's hold. */
void job_finish(struct job *job);

#endif
