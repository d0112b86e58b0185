#include "server/daemon_impl.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/credential.h"
#include "server/listen.h"
#include "server/route.h"
#include "server/warm_up.h"

#define ADMIN_THREADS 1
#define ADMIN_CONNECTIONS 64
#define CURRENT_JOBS 256 /* clients that may ask for the job they have under way */
#define OTHER_FILES 64   /* log, model, threads' own */

/* Every connection is a file; the soft limit is often 1024. */
static int raise_file_limit(const struct config *c, struct err *e)
{
    rlim_t wanted = (rlim_t)(c->connections + ADMIN_CONNECTIONS + OTHER_FILES);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return err_errno(e, "open files");
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted)
        return err_set(e, ERR_INVALID, "connections: %d need %d open files, the limit is %d",
                       (int)c->connections, (int)wanted, (int)limit.rlim_max);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted)
        limit.rlim_cur = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) ? err_errno(e, "open files") : 0;
}

static int open_socket(const char *address, struct daemon_socket *s, struct err *e)
{
    if (!*address)
        return 0;
    if (listen_open(address, &s->fd, e))
        return -1;
    s->address = address;
    return 0;
}

static int open_sockets(struct daemon *d, struct err *e)
{
    const struct config *c = d->config;

    if (open_socket(c->listen, &d->work_socket, e) ||
        open_socket(c->admin_listen, &d->admin_socket, e) ||
        open_socket(c->agent_listen, &d->agent_socket, e))
        return -1;
    return 0;
}

static int new_models(struct daemon *d, struct err *e)
{
    const struct config *c = d->config;
    struct models_options o = { .memory_max = (size_t)c->memory_max_mib << 20,
                                .waiters_max = (int)c->queue_max,
                                .warm_up = warm_up,
                                .warm_up_arg = &d->app };

    d->engines = (struct engine_model_options){ .backend = config_backend_name(c),
                                                .weights = (enum param_format)c->weights,
                                                .threads = (int)c->cpu_threads,
                                                .rows = (int)c->rows };
    o.source = engine_model_source(&d->engines);
    return models_new(&o, &d->app.models, e);
}

struct loading {
    struct models *models;
    struct config_paths paths;
    struct err err;
    int failed;
};

static void *load(void *arg)
{
    struct loading *l = arg;

    l->failed = models_serve(l->models, (const char *const *)l->paths.path, l->paths.n, &l->err);
    return NULL;
}

static bool ends_soon(pthread_t thread)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

/* Meanwhile the service manager hears that it goes on. */
static int load_in_thread(struct daemon *d, struct loading *l, struct err *e)
{
    pthread_t thread;
    int code = pthread_create(&thread, NULL, load, l);

    if (code)
        return err_set(e, ERR_IO, "loading: %s", strerror(code));
    do
        service_extend(&d->service);
    while (!ends_soon(thread));
    if (l->failed)
        *e = l->err;
    return l->failed;
}

static int serve_models(struct daemon *d, struct err *e)
{
    struct loading l = { .models = d->app.models };
    int failed;

    service_status(&d->service, "loading %s", d->config->bundle);
    if (config_bundles(d->config, &l.paths, e))
        return -1;
    failed = load_in_thread(d, &l, e);
    config_paths_release(&l.paths);
    return failed;
}

static int open_keys(struct daemon *d, struct err *e)
{
    char *path;
    int failed;

    if (credential_find(d->config->api_keys, "api-keys", &path, e))
        return -1;
    failed = path ? keys_open(path, &d->app.keys, e) : 0;
    mem_free(path);
    return failed;
}

/* One without the other is a mistake: nobody wants plain HTTP by accident. */
static int open_tls_pair(const char *cert, const char *key, struct tls **ret_tls, struct err *e)
{
    if (cert && key)
        return tls_open(cert, key, ret_tls, e);
    if (cert || key)
        return err_set(e, ERR_INVALID, "tls_cert and tls_key go together; there is no %s",
                       cert ? "tls_key" : "tls_cert");
    return 0;
}

static int open_tls(struct daemon *d, struct err *e)
{
    const struct config *c = d->config;
    char *cert = NULL, *key = NULL;
    int failed = credential_find(c->tls_cert, "tls-cert", &cert, e) ||
                 credential_find(c->tls_key, "tls-key", &key, e) ||
                 open_tls_pair(cert, key, &d->tls, e);

    mem_free(cert);
    mem_free(key);
    return failed ? -1 : 0;
}

static int open_scheduler(struct daemon *d, struct err *e)
{
    struct app *a = &d->app;

    if (stats_new(&a->stats, e) || queue_new((int)d->config->queue_max, &a->queue, e) ||
        shelf_new((int)d->config->jobs_max, daemon_ns(d->config->jobs_ttl_s), &a->shelf, e) ||
        current_new(CURRENT_JOBS, &a->current, e) || sched_new(a->queue, a->stats, &a->sched, e) ||
        sched_start(a->sched, e))
        return -1;
    d->sched_running = true;
    return 0;
}

static struct app_told told(const struct config *c)
{
    return (struct app_told){
        .connections = (int)c->connections,
        .jobs = (int)c->jobs_max,
        .jobs_ttl_ns = daemon_ns(c->jobs_ttl_s),
        .header_ns = daemon_ns(c->header_timeout_s),
        .body_ns = daemon_ns(c->body_timeout_s),
        .write_ns = daemon_ns(c->write_timeout_s),
        .idle_ns = daemon_ns(c->idle_timeout_s),
    };
}

static void fill_app(struct daemon *d)
{
    struct app *a = &d->app;

    a->limits.image_pixels = (size_t)d->config->image_pixels_max;
    a->told = told(d->config);
    a->full_status = config_full_status(d->config);
    a->body_max = (size_t)d->config->body_max_kib << 10;
    a->queue_max = (int)d->config->queue_max;
    a->web_page = d->config->web_page;
    a->any_model = d->config->any_model;
    a->limits.metadata = d->config->image_metadata;
    a->limits.timeout_ms = (int)(d->config->timeout_s * 1000);
    a->heartbeat_ns = daemon_ns(d->config->heartbeat_s);
    a->stuck_ns = daemon_ns(d->config->stuck_s);
    a->started_ns = clock_ns();
    a->started_unix = clock_unix();
}

static int open_listener(struct daemon *d, struct daemon_socket *s, const struct route *routes,
                         int threads, int connections, struct http **ret_http, struct err *e)
{
    const struct config *c = d->config;
    bool work = routes == ROUTES_WORK;
    struct http_options o = {
        .listen_fd = s->fd,
        .routes = routes,
        .app = &d->app,
        .stats = d->app.stats,
        .watch = d->app.watch,
        .access = (enum access_format)c->access_log,
        .keys = work ? d->app.keys : NULL,
        .tls = work ? d->tls : NULL,
        .cors = work ? c->cors_origins : "",
        .threads = threads,
        .connections = connections,
        .body_max = d->app.body_max,
        .header_ns = d->app.told.header_ns,
        .body_ns = d->app.told.body_ns,
        .write_ns = d->app.told.write_ns,
        .idle_ns = d->app.told.idle_ns,
    };

    if (http_open(&o, ret_http, e))
        return -1;
    s->fd = -1;
    return 0;
}

static void announce(const char *what, const char *scheme, int fd)
{
    char name[LISTEN_NAME_MAX];

    listen_name(fd, scheme, name);
    log_info("daemon: %s on %s", what, name);
}

static int open_work(struct daemon *d, struct err *e)
{
    int fd = d->work_socket.fd;

    if (open_listener(d, &d->work_socket, ROUTES_WORK, (int)d->config->threads,
                      (int)d->config->connections, &d->work, e))
        return -1;
    announce("listening", d->tls ? "https" : "http", fd);
    return 0;
}

static int open_admin(struct daemon *d, struct err *e)
{
    int fd = d->admin_socket.fd;

    if (fd < 0)
        return 0;
    if (open_listener(d, &d->admin_socket, ROUTES_ADMIN, ADMIN_THREADS, ADMIN_CONNECTIONS,
                      &d->admin, e))
        return -1;
    announce("health, metrics and administration", "http", fd);
    return 0;
}

static int open_agent(struct daemon *d, struct err *e)
{
    int fd = d->agent_socket.fd;

    if (fd < 0)
        return 0;
    if (agent_open(fd, &d->app, &d->agent, e))
        return -1;
    d->agent_socket.fd = -1;
    announce("HAProxy's agent-check", "tcp", fd);
    return 0;
}

static int open_listeners(struct daemon *d, struct err *e)
{
    if (watch_open(d->config->half_close_is_gone, &d->app.watch, e) || open_work(d, e) ||
        open_admin(d, e) || open_agent(d, e))
        return -1;
    return 0;
}

static int open_reload(struct daemon *d, struct err *e)
{
    const struct reload_parts parts = {
        .source = d->source, .models = d->app.models, .keys = d->app.keys, .tls = d->tls
    };

    return reload_new(&parts, &d->app.reload, e);
}

static void announce_model(struct daemon *d)
{
    struct engine_info info = models_first(d->app.models);

    log_info("daemon: clipgend %s, model %s, %dx%d, %d rows, %.1f MiB, %s", CLIPGEN_VERSION,
             info.model, info.side, info.side, info.rows,
             (double)models_bytes(d->app.models) / 1048576.0, info.device);
}

int daemon_open(struct daemon *d, struct err *e)
{
    if (service_open(&d->service, e) || raise_file_limit(d->config, e) || open_sockets(d, e) ||
        open_keys(d, e) || open_tls(d, e) || open_scheduler(d, e) || new_models(d, e))
        return -1;
    fill_app(d);
    if (serve_models(d, e) || open_reload(d, e))
        return -1;
    announce_model(d);
    return open_listeners(d, e);
}
