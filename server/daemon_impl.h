/*
 * What the parts of the daemon share: daemon.c (life and end), daemon_open.c (opening in order),
 * daemon_serve.c (what the main thread does meanwhile, and the drain). Private to them; main
 * thread.
 */
#ifndef SERVER_DAEMON_IMPL_H
#define SERVER_DAEMON_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "server/app.h"
#include "server/config.h"
#include "server/http.h"
#include "server/service.h"

struct daemon {
    const struct config *config;
    const struct config_source *source;
    struct service service;
    int work_fd, admin_fd; /* -1 once a listener owns it, or without admin listener */
    struct app app;
    struct http *work, *admin;
    bool sched_running;
    bool work_open, admin_open; /* the sockets are ours */
};

static inline int64_t daemon_ns(double seconds)
{
    return (int64_t)(seconds * 1e9);
}

/* Everything up to the listeners; on -1 what is open already is daemon_close's. */
int daemon_open(struct daemon *d, struct err *e);
/* Until asked to stop (0), or until the device has failed. */
int daemon_serve(struct daemon *d, struct err *e);
/* Refuses new work, finishes what was taken, lets clients read it. -1: the device thread does not
 * come back. */
int daemon_drain(struct daemon *d);

#endif
