/*
 * The models that are served: bundles by name, loaded when somebody wants them.
 *
 *     UNLOADED --wanted--> LOADING --warmed up--> READY --idle, and its room is needed--> UNLOADED
 *                             |
 *                             +--> FAILED --wanted again, after a while--> LOADING
 *
 * A READY model has an instance, which requests take and hold until they have ended. Nothing is
 * ever changed under them: a bundle whose files are new is opened beside the old instance, draws a
 * picture, and takes its place; the old one is retired, and closed when its last request has ended.
 * What an engine will take is planned before it is opened; idle models make room, the one that was
 * used longest ago first.
 *
 * Engines are opened one at a time: by the caller of models_serve, or by a thread that lives while
 * there is something to load.
 */
#ifndef SERVER_MODELS_H
#define SERVER_MODELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "server/engine.h"
#include "server/instance.h"

#define MODELS_MAX 16

enum model_state { MODEL_UNLOADED, MODEL_LOADING, MODEL_READY, MODEL_FAILED };

struct models;

struct models_options {
    struct engine_source source;
    size_t memory_max; /* bytes of all that is open; 0: what the machine has available */
    int waiters_max;   /* requests that may wait for a model at a time */
    /* Draws a picture to prove that it can. Waits for it. */
    int (*warm_up)(void *arg, struct instance *i, struct err *e);
    void *warm_up_arg;
};

/* Somebody who waits for a model. */
struct models_waiter {
    void (*told)(void *arg); /* once, any thread, under a lock: no call of models_* */
    void *arg;
    struct models *models; /* models.c's own, as the next */
    struct models_waiter *next;
};

/* One of them as it is now. */
struct model_view {
    struct engine_info info; /* as it was planned when it was loaded last, or read */
    enum model_state state;
    struct err err; /* MODEL_FAILED: why */
};

int models_new(const struct models_options *o, struct models **ret_models, struct err *e);
/* Refuses models from now on; tells all who wait. NULL is harmless, as below. */
void models_stop(struct models *m);
/* Waits for an engine that is being opened, then closes all; nobody may hold one. */
void models_free(struct models *m);

/*
 * Serves the bundles in these directories from now on, and no others. The first is meant by
 * requests that name none: it is loaded at once, and stays. Of the others those are loaded anew
 * that are loaded now and whose files have changed. On -1 nothing has changed: a bundle is bad
 * (FORMAT...), does not fit into the memory (NOMEM), or could not draw. Blocks; any thread but the
 * device's.
 */
int models_serve(struct models *m, const char *const *paths, int n, struct err *e);

/* ---- any thread ---- */

/* The model of this name ("": the first), held by the caller from here. NULL: it is not loaded yet,
 * but is being so: models_wait. NOT_FOUND: there is none; UNAVAILABLE: it could not be loaded a
 * moment ago; BUSY: too many wait for it. */
int models_get(struct models *m, const char *name, struct instance **ret_instance, struct err *e);
/* w is told when something has been loaded, or at once if this model is not being loaded any more:
 * then models_get may know better. w is the caller's until told, or until models_leave. */
void models_wait(struct models *m, const char *name, struct models_waiter *w);
/* True: w has not been told, and will not be. */
bool models_leave(struct models_waiter *w);

/* Closes what is retired and not held any more; now and then. */
void models_tidy(struct models *m);

/* The one of this name. NOT_FOUND: there is none. */
int models_view(struct models *m, const char *name, struct model_view *ret_view, struct err *e);
/* What the first is. */
struct engine_info models_first(struct models *m);
/* All of them, the first one first; returns how many. */
int models_list(struct models *m, struct model_view ret_views[MODELS_MAX]);
/* "ready" ... */
const char *model_state_name(enum model_state state);
/* Bytes of all engines that are open; requests that wait for one to be. */
size_t models_bytes(struct models *m);
int models_waiting(struct models *m);

#endif
