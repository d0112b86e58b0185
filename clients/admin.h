/*
 * `clipgen admin`: what operators ask of a daemon's admin listener.
 *
 *     reload      the configuration is read again; wait: until that has ended
 *     log-level   what is logged; with a value: sets it
 *     drain       not ready from now on; wait: until nothing runs and nothing waits
 *     undrain     ready again
 *     health      how the daemon is
 */
#ifndef CLIENTS_ADMIN_H
#define CLIENTS_ADMIN_H

#include <stdbool.h>

#include "base/err.h"

struct admin_options {
    const char *server;  /* of the admin listener */
    const char *command; /* one of the above */
    const char *value;   /* NULL: none */
    bool wait;
};

/* INVALID: no such command, or not with this value. Prints what the daemon answers. */
int admin(const struct admin_options *o, struct err *e);

#endif
