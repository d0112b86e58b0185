/*
 * An engine in use. Requests hold the instance that they have begun with until their job ends, so
 * that a model may be loaded anew, or unloaded, at any time: who keeps instances (models.h) closes
 * one only when nobody holds it.
 */
#ifndef SERVER_INSTANCE_H
#define SERVER_INSTANCE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "server/engine.h"
#include "server/line.h"

struct instance {
    struct engine *engine; /* owned */
    int slots;             /* pictures with default settings that fit into the rows */
    _Atomic int holds;
    _Atomic int64_t used_ns; /* when somebody last let go of it */

    /* the scheduler's */
    struct line rows;         /* jobs with pictures that wait for rows */
    int jobs;                 /* that have not ended */
    struct instance *working; /* the next with jobs */

    struct instance *retired; /* models.c's: the next that is closed when nobody holds it */
};

/* Owns the engine from here; on -1 it is still the caller's. */
int instance_new(struct engine *engine, struct instance **ret_instance, struct err *e);
/* Closes the engine. NULL is harmless; nobody may hold it. */
void instance_free(struct instance *i);

/* Any thread that has a hold already, or keeps the instance. */
struct instance *instance_hold(struct instance *i);
/* Any thread; the caller does not touch the instance after. NULL is harmless. */
void instance_drop(struct instance *i);

#endif
