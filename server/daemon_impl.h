/*
 * What the parts of the daemon share: daemon.c (life and end), daemon_open.c (opening in order),
 * daemon_serve.c (what the main thread does meanwhile, and the drain). Private to them; main
 * thread.
 */
#ifndef SERVER_DAEMON_IMPL_H
#define SERVER_DAEMON_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "server/agent.h"
#include "server/app.h"
#include "server/config.h"
#include "server/engine_model.h"
#include "server/http.h"
#include "server/service.h"
#include "server/tls.h"

/* A listening socket until a listener owns it. */
struct daemon_socket {
    const char *address; /* NULL: not opened */
    int fd;              /* -1: none, or its listener's by now */
};

struct daemon {
    const struct config *config;
    const struct config_source *source;
    struct service service;
    struct daemon_socket work_socket, admin_socket, agent_socket;
    struct engine_model_options engines;
    struct app app;
    struct tls *tls; /* of the work listener; NULL: plain HTTP */
    struct http *work, *admin;
    struct agent *agent;
    bool sched_running;
    bool reloading; /* as the service manager knows it */
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
