/*
 * The whole daemon from configuration to exit: opens everything in order, draws a picture to prove
 * that it can, serves until asked to stop, finishes what runs, closes in reverse.
 */
#ifndef SERVER_DAEMON_H
#define SERVER_DAEMON_H

#include "base/err.h"
#include "server/config.h"

enum daemon_end {
    DAEMON_STOPPED, /* asked to stop; all work was finished */
    DAEMON_FAILED,  /* e says why */
    DAEMON_STUCK,   /* asked twice, and the device thread does not answer: leave without cleaning */
};

/* source: of the configuration; it is read again when asked to (SIGHUP). */
enum daemon_end daemon_run(const struct config *c, const struct config_source *source,
                           struct err *e);

#endif
