#include "tests/server/fixture.h"

#include "tests/test.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "server/listen.h"
#include "server/route.h"
#include "server/warm_up.h"

#define PATIENCE_NS 20000000000LL

struct fixture_options fixture_defaults(void)
{
    return (struct fixture_options){
        .rows = 4,
        .tokens = 6,
        .queue_max = 64,
        .full_status = 429,
        .jobs_max = 8,
        .jobs_ttl_s = 100,
        .connections = 64,
        .body_max = 1 << 20,
        .image_pixels = 1 << 16,
        .timeout_s = 20,
        .heartbeat_s = 20,
        .header_s = 20,
        .body_s = 20,
        .write_s = 20,
        .half_close_is_gone = true,
        .cors = "",
        .models = 1,
        .memory_max = (size_t)250 << 20,
    };
}

static int64_t ns(double seconds)
{
    return (int64_t)(seconds * 1e9);
}

static int port_of(int fd)
{
    char name[LISTEN_NAME_MAX];
    int64_t port = 0;

    listen_name(fd, "http", name);
    assert_int_equal(num_parse_int(strrchr(name, ':') + 1, "port", 1, 65535, &port, NULL), 0);
    return (int)port;
}

static struct http *listener(struct fixture *f, const struct fixture_options *o,
                             const struct route *routes, int *ret_port)
{
    struct http_options h = { .routes = routes,
                              .app = &f->app,
                              .stats = f->app.stats,
                              .watch = f->app.watch,
                              .keys = routes == ROUTES_WORK ? f->app.keys : NULL,
                              .cors = routes == ROUTES_WORK ? o->cors : "",
                              .threads = 2,
                              .connections = o->connections,
                              .body_max = o->body_max,
                              .header_ns = ns(o->header_s),
                              .body_ns = ns(o->body_s),
                              .write_ns = ns(o->write_s),
                              .idle_ns = ns(20) };
    struct http *http;
    struct err e;

    if (listen_open("127.0.0.1:0", &h.listen_fd, &e))
        fail_msg("%s", e.msg);
    *ret_port = port_of(h.listen_fd);
    if (http_open(&h, &http, &e))
        fail_msg("%s", e.msg);
    return http;
}

static int take_as_it_is(void *app, struct instance *i, struct err *e)
{
    (void)app;
    (void)i;
    (void)e;
    return 0;
}

static void serve_models(struct fixture *f, const struct fixture_options *o)
{
    static const char *const PATHS[FAKE_BUNDLES] = { "./fake", "./other", "./third" };
    struct models_options m = { .source = fake_source(&f->shop),
                                .memory_max = o->memory_max,
                                .waiters_max = 8,
                                .warm_up = o->warm_up ? warm_up : take_as_it_is,
                                .warm_up_arg = &f->app };
    struct err e;

    fake_shop_init(&f->shop, o->rows, o->tokens);
    assert_int_equal(models_new(&m, &f->app.models, NULL), 0);
    if (models_serve(f->app.models, PATHS, o->models, &e))
        fail_msg("%s", e.msg);
    f->fake = atomic_load(&f->shop.bundles[0].last);
}

static void open_reload(struct fixture *f, const struct fixture_options *o)
{
    struct reload_parts parts = { .source = &f->source,
                                  .models = f->app.models,
                                  .keys = f->app.keys };

    f->argv[0] = (char *)(uintptr_t) "clipgend";
    f->argv[1] = (char *)(uintptr_t) "--config";
    f->argv[2] = (char *)(uintptr_t)(o->conf ? o->conf : "/nowhere.conf");
    f->source = (struct config_source){ 3, f->argv, NULL };
    assert_int_equal(reload_new(&parts, &f->app.reload, NULL), 0);
}

void fixture_open(struct fixture *f, const struct fixture_options *o)
{
    struct app *a = &f->app;

    memset(f, 0, sizeof *f);
    assert_int_equal(stats_new(&a->stats, NULL), 0);
    assert_int_equal(queue_new(o->queue_max, &a->queue, NULL), 0);
    assert_int_equal(current_new(2, &a->current, NULL), 0);
    if (o->keys)
        assert_int_equal(keys_open(o->keys, &a->keys, NULL), 0);
    assert_int_equal(shelf_new(o->jobs_max, ns(o->jobs_ttl_s), &a->shelf, NULL), 0);
    assert_int_equal(sched_new(a->queue, a->stats, &a->sched, NULL), 0);
    assert_int_equal(sched_start(a->sched, NULL), 0);
    assert_int_equal(watch_open(o->half_close_is_gone, &a->watch, NULL), 0);
    a->limits.image_pixels = o->image_pixels;
    a->limits.metadata = true;
    a->told = (struct app_told){ .connections = o->connections,
                                 .jobs = o->jobs_max,
                                 .jobs_ttl_ns = ns(o->jobs_ttl_s),
                                 .header_ns = ns(o->header_s),
                                 .body_ns = ns(o->body_s),
                                 .write_ns = ns(o->write_s) };
    a->full_status = o->full_status;
    a->body_max = o->body_max;
    a->queue_max = o->queue_max;
    a->web_page = true;
    a->limits.timeout_ms = (int)(o->timeout_s * 1000);
    a->heartbeat_ns = ns(o->heartbeat_s);
    a->stuck_ns = ns(20);
    a->started_ns = clock_ns();
    serve_models(f, o);
    open_reload(f, o);
    f->work = listener(f, o, ROUTES_WORK, &f->port);
    f->admin = listener(f, o, ROUTES_ADMIN, &f->admin_port);
}

/* The engine that serves a bundle now, which a reload may have replaced; NULL: none. */
static struct fake *newest(struct fixture *f, int bundle)
{
    return atomic_load(&f->shop.bundles[bundle].last);
}

void fixture_close(struct fixture *f)
{
    struct app *a = &f->app;

    for (int i = 0; i < FAKE_BUNDLES; i++)
        if (newest(f, i))
            atomic_store(&newest(f, i)->hold, FAKE_NONE);
    atomic_store(&a->draining, true);
    http_quiesce(f->work);
    queue_close(a->queue);
    models_stop(a->models);
    reload_stop(a->reload);
    sched_join(a->sched);
    reload_free(a->reload);
    while (http_busy(f->work) + http_busy(f->admin) > 0)
        usleep(500);
    http_close(f->work);
    http_close(f->admin);
    assert_int_equal(watch_count(a->watch), 0);
    assert_int_equal(queue_pictures(a->queue), 0);
    for (int i = 0; i < FAKE_BUNDLES; i++)
        assert_true(!newest(f, i) || atomic_load(&newest(f, i)->live) == 0);
    watch_close(a->watch);
    sched_free(a->sched);
    models_free(a->models);
    shelf_free(a->shelf);
    current_free(a->current);
    keys_close(a->keys);
    queue_free(a->queue);
    stats_free(a->stats);
}

void wait_for(_Atomic int *counter, int n)
{
    int64_t until = clock_ns() + PATIENCE_NS;

    while (atomic_load(counter) < n) {
        assert_true(clock_ns() < until);
        usleep(200);
    }
}

void wait_for_stat(struct fixture *f, enum stats_counter c, int64_t n)
{
    int64_t until = clock_ns() + PATIENCE_NS;

    while (stats_get(f->app.stats, c) < n) {
        assert_true(clock_ns() < until);
        usleep(200);
    }
}

void wait_for_held(struct fixture *f, enum fake_call call)
{
    int64_t until = clock_ns() + PATIENCE_NS;

    while (atomic_load(&f->fake->held) != (int)call) {
        assert_true(clock_ns() < until);
        usleep(200);
    }
}
