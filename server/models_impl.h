/*
 * What models.c (who gets which) and models_load.c (opening, room, replacing) share. Private to
 * them.
 */
#ifndef SERVER_MODELS_IMPL_H
#define SERVER_MODELS_IMPL_H

#include <pthread.h>
#include <stdint.h>

#include "server/models.h"

struct model {
    char *path; /* owned */
    struct engine_info info;
    enum model_state state;
    struct err err;
    int64_t failed_ns;         /* when it could not be loaded */
    struct instance *instance; /* MODEL_READY */
};

struct models {
    struct models_options o;
    pthread_mutex_t lock;  /* guards every field below */
    pthread_cond_t change; /* of busy and loader */
    struct model *rows;    /* [n]; changed by who is busy alone */
    int n;
    struct instance *retired;
    size_t bytes; /* of open engines */
    bool busy;    /* somebody opens engines or changes rows */
    bool loader;  /* the loading thread lives */
    bool stopped;
    struct models_waiter *waiters;
    int n_waiters;
};

/* ---- under the lock ---- */

/* "": the first. NULL: there is none. */
struct model *models_find(struct models *m, const char *name);
/* Everybody who waits. */
void models_tell(struct models *m);
/* A model in state LOADING will be loaded: -1 when no thread can be started for it. */
int models_begin_loading(struct models *m, struct err *e);

#endif
