/*
 * The job that each client has under way, for clients whose protocol does not name jobs: they ask
 * how far "it" is, and to stop "it". The last one of a client counts, of as many clients as there
 * are places. Any thread.
 */
#ifndef SERVER_CURRENT_H
#define SERVER_CURRENT_H

#include "base/err.h"
#include "server/job.h"

struct current;

int current_new(int places, struct current **ret_current, struct err *e);
void current_free(struct current *c);

/* The job, which is held from here, is what its client has under way now. Without a free place the
 * client that came first loses sight of its own. */
void current_set(struct current *c, struct job *job);
/* Held by the caller from here; NULL when the client has none that is not over. */
struct job *current_get(struct current *c, const char *client);
/* Lets go of jobs that are over; call it now and then. */
void current_prune(struct current *c);

#endif
