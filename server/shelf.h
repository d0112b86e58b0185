/*
 * Jobs that are kept under an id, for clients that come back for them, and under a client's
 * Idempotency-Key, so that a request that is sent again finds the job of the first time (unless
 * that has failed).
 *
 * A job stays until `ttl` after its end. When the shelf is full, the one that ended first makes
 * room. The id of a job that has been put away is remembered for a while: GONE rather than UNKNOWN.
 * Any thread.
 */
#ifndef SERVER_SHELF_H
#define SERVER_SHELF_H

#include <stdint.h>

#include "base/err.h"
#include "server/job.h"

#define SHELF_ID_MAX 40
#define SHELF_KEY_MAX 256 /* of an Idempotency-Key, with its end */

struct shelf;

/* What is kept beside a job. */
struct shelf_label {
    char id[SHELF_ID_MAX];   /* made by shelf_put: 128 random bits */
    const void *route;       /* of the request: it renders the result */
    char key[SHELF_KEY_MAX]; /* Idempotency-Key; "": none. Unique for each client */
    uint64_t fingerprint;    /* of path and body: the same key must mean the same request */
};

enum shelf_found { SHELF_HERE, SHELF_GONE, SHELF_UNKNOWN };

/* max: jobs at a time. */
int shelf_new(int max, int64_t ttl_ns, struct shelf **ret_shelf, struct err *e);
void shelf_free(struct shelf *s);

/* Keeps the job (a hold of its own) under a new id, which goes into the label. When one of this
 * client with this key is here already, nothing is kept, *ret_other is that one, held, and the
 * label becomes its label; else *ret_other is NULL. BUSY: the shelf is full, and all that are on it
 * still run. */
int shelf_put(struct shelf *s, struct job *job, struct shelf_label *label, struct job **ret_other,
              struct err *e);
/* *ret_job: held by the caller from here. */
enum shelf_found shelf_get(struct shelf *s, const char *id, struct job **ret_job,
                           struct shelf_label *ret_label);
enum shelf_found shelf_find(struct shelf *s, const char *client, const char *key,
                            struct job **ret_job, struct shelf_label *ret_label);
/* Puts a job away before its time. */
void shelf_drop(struct shelf *s, const char *id);
/* Puts away what has stayed long enough; now and then. */
void shelf_tidy(struct shelf *s);
int shelf_count(struct shelf *s);

#endif
