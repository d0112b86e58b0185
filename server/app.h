/*
 * What handlers work with: borrowed parts of the daemon and the limits of a request.
 */
#ifndef SERVER_APP_H
#define SERVER_APP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/current.h"
#include "server/keys.h"
#include "server/models.h"
#include "server/queue.h"
#include "server/reload.h"
#include "server/request.h"
#include "server/sched.h"
#include "server/shelf.h"
#include "server/stats.h"
#include "server/watch.h"

/* Limits that others keep, for GET /v1/capabilities. */
struct app_told {
    int connections, jobs;
    int64_t jobs_ttl_ns, header_ns, body_ns, write_ns, idle_ns;
};

struct app {
    struct models *models;
    struct keys *keys; /* NULL: everybody is served */
    struct queue *queue;
    struct shelf *shelf;
    struct current *current;
    struct sched *sched;
    struct reload *reload; /* NULL: there is nothing to be read again */
    struct stats *stats;
    struct watch *watch;
    struct request_limits limits;
    struct app_told told;
    bool any_model;       /* names of models that are not served mean the first */
    int full_status;      /* 429 or 503 */
    size_t body_max;      /* bytes */
    int queue_max;        /* pictures */
    bool web_page;        /* is shown at / */
    int64_t heartbeat_ns; /* of streams */
    int64_t stuck_ns;     /* a scheduler turn longer than this is not alive */
    int64_t started_ns, started_unix;
    _Atomic bool draining; /* for good: the daemon stops */
    _Atomic int drained;   /* by an operator, who may take it back; 0 or 1 */
};

/* A turn began recently. */
bool app_alive(const struct app *app);
/* New clients shall come; else *ret_why says why not. */
bool app_ready(const struct app *app, const char **ret_why);
/* It is on its way out, for good or until an operator takes it back. */
bool app_draining(const struct app *app);
/* New work is taken: for a moment longer than new clients, so that those who are there already with
 * a request on its way are not turned away. */
bool app_takes_work(const struct app *app, const char **ret_why);

#endif
