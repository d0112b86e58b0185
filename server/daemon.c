#include "server/daemon.h"

#include <unistd.h>

#include "base/log.h"
#include "server/daemon_impl.h"
#include "server/listen.h"

/* fd: unless a listener has closed it. */
static void close_socket(const char *address, int fd, bool open)
{
<<<<<<< HEAD
    if (fd >= 0)
        close(fd);
    if (open)
        listen_forget(address);
=======
    return (int64_t)(seconds * 1e9);
}

/* ---- opening ---- */

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

static int open_sockets(struct daemon *d, struct err *e)
{
    if (listen_open(d->config->listen, &d->work_fd, e))
        return -1;
    return *d->config->admin_listen ? listen_open(d->config->admin_listen, &d->admin_fd, e) : 0;
}

static int open_engine(struct daemon *d, struct err *e)
{
    const struct config *c = d->config;
    bool is_path = strchr(c->bundle, '/') != NULL;
    struct engine_model_options o = { .backend = config_backend_name(c),
                                      .weights = (enum param_format)c->weights,
                                      .threads = (int)c->cpu_threads,
                                      .rows = (int)c->rows };
    char *path = is_path ? mem_strdup(c->bundle) : file_join(CLIPGEN_MODELDIR, c->bundle);
    int failed;

    if (!path)
        return err_set(e, ERR_NOMEM, "bundle: out of memory");
    service_status(&d->service, "loading %s", path);
    o.bundle = path;
    failed = engine_model_open(&o, &d->app.engine, e);
    mem_free(path);
    return failed;
}

/* The configured file, else what systemd hands over (LoadCredential=api-keys:...), else none. */
static int open_keys(struct daemon *d, struct err *e)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char *path = *d->config->api_keys ? mem_strdup(d->config->api_keys)
                 : dir                ? file_join(dir, "api-keys")
                                      : NULL;
    bool wanted = path && (*d->config->api_keys || file_exists(path));
    int failed = wanted ? keys_open(path, &d->app.keys, e) : 0;

    mem_free(path);
    return failed;
}

static int open_scheduler(struct daemon *d, struct err *e)
{
    struct app *a = &d->app;

    if (stats_new(&a->stats, e) || queue_new((int)d->config->queue_max, &a->queue, e) ||
        shelf_new((int)d->config->jobs_max, ns(d->config->jobs_ttl_s), &a->shelf, e) ||
        current_new(CURRENT_JOBS, &a->current, e) ||
        sched_new(a->engine, a->queue, a->stats, &a->sched, e) || sched_start(a->sched, e))
        return -1;
    d->sched_running = true;
    return 0;
}

static void fill_app(struct daemon *d)
{
    struct app *a = &d->app;

    a->limits.image_pixels = (size_t)d->config->image_pixels_max;
    a->limits.sampling = a->engine->info.sampling;
    a->limits.embed_dim = a->engine->info.embed_dim;
    a->limits.tokens = a->engine->info.tokens;
    a->limits.codebook = a->engine->info.codebook;
    a->limits.model = a->engine->info.model;
    a->full_status = config_full_status(d->config);
    a->body_max = (size_t)d->config->body_max_kib << 10;
    a->queue_max = (int)d->config->queue_max;
    a->limits.any_model = d->config->any_model;
    a->limits.metadata = d->config->image_metadata;
    a->limits.timeout_ms = (int)(d->config->timeout_s * 1000);
    a->heartbeat_ns = ns(d->config->heartbeat_s);
    a->stuck_ns = ns(d->config->stuck_s);
    a->started_ns = clock_ns();
    a->started_unix = clock_unix();
}

static void post(void *semaphore, bool over)
{
    if (over)
        sem_post(semaphore);
}

static int make_warm_up(struct daemon *d, struct job **ret_job, struct err *e)
{
    static const char REQUEST[] = "{\"prompt\":\"a first picture\",\"seed\":1}";
    char param[REQUEST_PARAM_MAX];
    struct gen_request r;
    struct engine *g = d->app.engine;

    if (gen_request_parse(REQUEST, strlen(REQUEST), &d->app.limits, &r, param, e))
        return -1;
    if (gen_request_prepare(&r, g, param, e)) {
        gen_request_release(&r);
        return -1;
    }
    return job_new("warm-up", "", &r, &g->info, ret_job, e);
}

/* One picture the whole way: proves the model, and takes the first-time costs from the first
 * client. */
static int warm_up(struct daemon *d, struct err *e)
{
    sem_t done;
    struct job_waiter waiter = { .told = post, .arg = &done };
    struct job *job;
    int failed;

    service_status(&d->service, "warming up");
    if (make_warm_up(d, &job, e))
        return err_prefix(e, "warm-up: ");
    if (queue_reserve(d->app.queue, job->places, e)) {
        job_free(job);
        return err_prefix(e, "warm-up: ");
    }
    sem_init(&done, 0, 0);
    job_join(job, &waiter);
    queue_push(d->app.queue, job_hold(job));
    while (sem_wait(&done))
        continue; /* interrupted */
    sem_destroy(&done);
    failed = job->err.code != ERR_NONE;
    if (failed)
        err_set(e, job->err.code, "warm-up: %s", job->err.msg);
    job_free(job);
    return failed ? -1 : 0;
}

static int open_listener(struct daemon *d, int *fd, const struct route *routes, int threads,
                         int connections, struct http **ret_http, struct err *e)
{
    const struct config *c = d->config;
    struct http_options o = {
        .listen_fd = *fd,
        .routes = routes,
        .app = &d->app,
        .stats = d->app.stats,
        .watch = d->app.watch,
        .keys = routes == ROUTES_WORK ? d->app.keys : NULL,
        .threads = threads,
        .connections = connections,
        .body_max = d->app.body_max,
        .header_ns = ns(c->header_timeout_s),
        .body_ns = ns(c->body_timeout_s),
        .write_ns = ns(c->write_timeout_s),
        .idle_ns = ns(c->idle_timeout_s),
    };

    if (http_open(&o, ret_http, e))
        return -1;
    *fd = -1;
    return 0;
}

static void announce(const char *what, int fd)
{
    char name[LISTEN_NAME_MAX];

    listen_name(fd, name);
    log_info("daemon: %s on %s", what, name);
}

static int open_listeners(struct daemon *d, struct err *e)
{
    int work_fd = d->work_fd, admin_fd = d->admin_fd;

    if (watch_open(d->config->half_close_is_gone, &d->app.watch, e) ||
        open_listener(d, &d->work_fd, ROUTES_WORK, (int)d->config->threads,
                      (int)d->config->connections, &d->work, e))
        return -1;
    announce("listening", work_fd);
    if (admin_fd < 0)
        return 0;
    if (open_listener(d, &d->admin_fd, ROUTES_ADMIN, ADMIN_THREADS, ADMIN_CONNECTIONS, &d->admin,
                      e))
        return -1;
    announce("health and metrics also", admin_fd);
    return 0;
}

static int daemon_open(struct daemon *d, struct err *e)
{
    const struct engine_info *info;

    if (service_open(&d->service, e) || raise_file_limit(d->config, e) || open_sockets(d, e) ||
        open_keys(d, e) || open_engine(d, e) || open_scheduler(d, e))
        return -1;
    fill_app(d);
    if (warm_up(d, e))
        return -1;
    info = &d->app.engine->info;
    log_info("daemon: clipgend %s, model %s, %dx%d, %d rows, %.1f MiB on %s", CLIPGEN_VERSION,
             info->model, info->side, info->side, info->rows, (double)info->bytes / 1048576.0,
             info->device);
    return open_listeners(d, e);
}

/* ---- serving and ending ---- */

static void refresh_keys(struct daemon *d)
{
    struct err e;
    int changed = d->app.keys ? keys_refresh(d->app.keys, &e) : 0;

    if (changed > 0)
        log_info("daemon: new API keys");
    if (changed < 0)
        log_error("daemon: the API keys stay as they were: %s", e.msg);
}

static int serve(struct daemon *d, struct err *e)
{
    service_ready(&d->service);
    while (!service_asked_to_stop(&d->service, TICK_MS)) {
        if (sched_faulted(d->app.sched))
            return err_set(e, ERR_DEVICE, "the device failed; start the daemon again");
        if (app_alive(&d->app))
            service_ping(&d->service);
        shelf_tidy(d->app.shelf);
        current_prune(d->app.current);
        refresh_keys(d);
        service_status(&d->service, "%s: %d running, %d pictures wait", d->app.engine->info.model,
                       sched_jobs(d->app.sched), queue_pictures(d->app.queue));
    }
    return 0;
}

/* False when the scheduler is not done within the time, or when somebody is in a hurry. */
static bool wait_for_scheduler(struct daemon *d, double seconds)
{
    int64_t until = clock_ns() + ns(seconds);

    while (!sched_finished(d->app.sched)) {
        if (clock_ns() >= until || service_asked_to_stop(&d->service, TICK_MS / 10))
            return sched_finished(d->app.sched);
        if (app_alive(&d->app))
            service_ping(&d->service);
    }
    return true;
}

/* Refuses new work, finishes what was taken. -1: the device thread does not come back. */
static int drain(struct daemon *d)
{
    log_info("daemon: stopping; %d requests run, %d pictures wait", sched_jobs(d->app.sched),
             queue_pictures(d->app.queue));
    atomic_store(&d->app.draining, true);
    service_stopping(&d->service);
    http_quiesce(d->work);
    queue_close(d->app.queue);
    if (wait_for_scheduler(d, d->config->drain_s))
        return 0;
    log_warn("daemon: out of patience, dropping %d requests", sched_jobs(d->app.sched));
    sched_abort(d->app.sched);
    return wait_for_scheduler(d, STUCK_WAIT_S) ? 0 : -1;
>>>>>>> a04d374 (model, server: matrices are packed while they are loaded, in the format asked for)
}

static void daemon_close(struct daemon *d)
{
    struct app *a = &d->app;

    if (d->sched_running)
        sched_join(a->sched);
    http_close(d->work);
    http_close(d->admin);
    watch_close(a->watch);
    sched_free(a->sched);
    shelf_free(a->shelf);
    current_free(a->current);
    keys_close(a->keys);
    queue_free(a->queue);
    stats_free(a->stats);
    if (a->engine)
        a->engine->calls->close(a->engine);
    close_socket(d->config->listen, d->work_fd, d->work_open);
    close_socket(d->config->admin_listen, d->admin_fd, d->admin_open);
    service_close(&d->service);
}

enum daemon_end daemon_run(const struct config *c, struct err *e)
{
    struct daemon d = { .config = c, .work_fd = -1, .admin_fd = -1 };
    bool failed = daemon_open(&d, e) || daemon_serve(&d, e);

    if (d.sched_running && daemon_drain(&d))
        return DAEMON_STUCK;
    daemon_close(&d);
    if (!failed)
        log_info("daemon: stopped");
    return failed ? DAEMON_FAILED : DAEMON_STOPPED;
}
