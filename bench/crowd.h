/*
 * Clients of a daemon, all in one thread: each asks, waits for the answer and asks again, on a
 * connection that it keeps. Beside them one asks for health and one reads metrics, each on a
 * connection of its own, at its own pace.
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CROWD_STATUSES 600 /* HTTP's; 0 stands for no answer */

struct crowd_options {
    const char *url;       /* of the daemon's work listener: "http://127.0.0.1:8080" */
    const char *admin_url; /* of the one that answers /readyz and /metrics */
    const char *body;      /* JSON for POST /v1/generate; SEED in it is another number each time */
    int clients;
    int64_t requests; /* in all; 0: as many as come in seconds */
    double seconds;   /* 0: until all requests are answered */
};

/* Times in milliseconds, in the order in which they came. */
struct crowd_times {
    double *ms;
    size_t n, cap;
};

struct crowd_result {
    double seconds;
    int64_t by_status[CROWD_STATUSES];
    struct crowd_times answers; /* of requests answered with 200 */
    struct crowd_times health;
    struct crowd_times memory; /* MiB of the daemon's process, one a second, not milliseconds */
};

/* Requests that are under way when the time is over are still answered and counted, and so is the
 * time they take. */
int crowd_run(const struct crowd_options *o, struct crowd_result *ret_result, struct err *e);
void crowd_release(struct crowd_result *r);

#endif
