/*
 * A request on its way through the daemon. At every moment a job has one owner, who alone touches
 * it (but for `cancel`, which any thread may set):
 *
 *     PARSED   the HTTP thread that made it, until queue_push
 *     QUEUED   the queue, then the scheduler, until the device does something for it
 *     RUNNING  the scheduler, until job_finish
 *     DONE     whoever on_done tells: the HTTP thread again, which frees it
 */
#ifndef SERVER_JOB_H
#define SERVER_JOB_H

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
enum job_cancel { JOB_WANTED, JOB_CLIENT_GONE };

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
};

/* Nanoseconds spent in each stage; pixels includes the score. */
struct job_times {
    int64_t queue, encode, decode, pixels, png;
};

struct job {
    char id[JOB_ID_MAX];
    char client[JOB_CLIENT_MAX]; /* whose turn it takes: a key's name or an address */
    struct gen_request request;  /* owned */
    int64_t arrived_ns, deadline_ns;
    _Atomic int cancel; /* enum job_cancel */

    enum job_state state;
    struct job *next; /* in the owner's list */
    struct line_link links[LINE_N];
    _Atomic int ahead;      /* requests served before this one, while it is queued */
    struct prompts prompts; /* owned; of REQUEST_GENERATE */
    int places;             /* of the queue that the job holds once it is in there */
    int64_t started_ns;     /* first picture got its slot; 0: none yet */
    struct picture *pictures;
    int n_pictures; /* those of a prompt side by side; after job_finish at most request.n of each */
    struct job_times times;
    struct err err; /* ERR_NONE: the pictures are there */

    void (*on_done)(void *arg); /* any thread, exactly once; the job may be freed inside */
    void *on_done_arg;
};

/* request: prepared (gen_request_prepare); given away, also on failure. It wants `places` places of
 * the queue: one a picture. */
int job_new(const char *id, const char *client, struct gen_request *request,
            const struct engine_info *info, struct job **ret_job, struct err *e);
void job_free(struct job *job);

/* How a picture of the job is drawn. */
struct gen_settings job_settings(const struct job *job, const struct picture *p);

/* Why the job should not go on: CANCELLED, TIMEOUT, or ERR_NONE. */
enum err_code job_expired(const struct job *job, int64_t now_ns);
/* err of a job that must not go on, in words. */
void job_set_expired(struct job *job, enum err_code why, int64_t now_ns);
/* The scheduler's last touch: sorts and trims the pictures unless err is set, then on_done. */
void job_finish(struct job *job);

#endif
