/*
 * The daemon's parts around a fake engine, listening on free ports.
 */
#ifndef TESTS_SERVER_FIXTURE_H
#define TESTS_SERVER_FIXTURE_H

#include "server/app.h"
#include "server/http.h"
#include "tests/server/engine_fake.h"

struct fixture {
    struct fake_shop shop;
    struct fake *fake; /* the engine of the first model, "fake" */
    struct app app;
    struct http *work, *admin;
    char *argv[3]; /* as if the daemon had been called so */
    struct config_source source;
    int port, admin_port;
};

struct fixture_options {
    int rows, tokens, queue_max, jobs_max, connections;
    double jobs_ttl_s;
    size_t body_max, image_pixels;
    double heartbeat_s, timeout_s, header_s, body_s, write_s;
    bool half_close_is_gone;
    const char *keys; /* file; NULL: everybody is served */
    const char *cors; /* origins */
    const char *conf; /* file to be read again at POST /admin/reload; NULL: none */
    int models;       /* of the shop that are served */
    size_t memory_max;
    bool warm_up; /* else a model is taken as it is: what it counts is what a test has asked for */
    int full_status;
};

/* Change what a test is about, leave the rest. */
struct fixture_options fixture_defaults(void);
void fixture_open(struct fixture *f, const struct fixture_options *o);
/* Drains first, as the daemon does. Fails the test if a slot or a connection is left over. */
void fixture_close(struct fixture *f);
/* Waits until *counter is at least n, 20 s at most. */
void wait_for(_Atomic int *counter, int n);
void wait_for_stat(struct fixture *f, enum stats_counter c, int64_t n);
/* Waits until the engine is inside the call it was told to hold at. */
void wait_for_held(struct fixture *f, enum fake_call call);

#endif
