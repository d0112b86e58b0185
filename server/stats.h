/*
 * What the daemon counts: counters, times in buckets, and how all of it looks to Prometheus. Any
 * thread.
 */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum stats_counter {
    STATS_PICTURES,         /* drawn */
    STATS_TOKENS,           /* drawn */
    STATS_STEPS,            /* of the engine */
    STATS_ROW_STEPS,        /* rows in use, summed over the steps */
    STATS_REJECTED_FULL,    /* 429 */
    STATS_REJECTED_LIMITED, /* 429: a limit of the API key */
    STATS_REJECTED_DENIED,  /* 401 */
    STATS_REJECTED_DRAINING,
    STATS_CLIENT_ABORTS, /* exchanges whose client left before the answer was out */
    STATS_CANCELLED,     /* jobs that ended because nobody wanted them any more */
    STATS_DEADLINES,
    STATS_N_COUNTERS
};

enum stats_time {
    STATS_QUEUE,
    STATS_ENCODE,
    STATS_DECODE,
    STATS_PIXELS,
    STATS_PNG,
    STATS_TOTAL,
    STATS_N_TIMES
};

/* A model that is served. */
struct stats_model {
    const char *name;
    bool ready;          /* loaded */
    double memory_bytes; /* that it takes when it is */
};

/* Values of this moment, collected by whoever prints. */
struct stats_gauges {
    int queue_pictures, jobs_running, rows_used, rows, connections;
    int ready; /* 1 or 0 */
    int jobs_kept, model_waiters;
    double memory_bytes, resident_bytes, uptime_s;
    const char *version, *model;
    const struct stats_model *models;
    int n_models;
};

struct stats;

int stats_new(struct stats **ret_stats, struct err *e);
void stats_free(struct stats *s);
void stats_add(struct stats *s, enum stats_counter c, int64_t n);
int64_t stats_get(struct stats *s, enum stats_counter c);
/* One finished HTTP request with this status (100..599). */
void stats_request(struct stats *s, int status);
void stats_observe(struct stats *s, enum stats_time t, int64_t ns);
/* Prometheus text format 0.0.4. */
void stats_print(struct stats *s, const struct stats_gauges *g, struct buf *out);

#endif
