#include "server/daemon_impl.h"

#include "base/clock.h"
#include "base/log.h"

#define TICK_MS 250      /* how often the main thread looks around */
#define DRAIN_TICK_MS 25 /* ... while it waits for an end */
#define COMING_WAIT_S 2  /* for requests on connections that are there already */
#define STUCK_WAIT_S 5   /* that an aborted device thread gets for its last turn */

/* ---- meanwhile ---- */

static void refresh_keys(struct daemon *d)
{
    struct err e;
    int changed = d->app.keys ? keys_refresh(d->app.keys, &e) : 0;

    if (changed > 0)
        log_info("daemon: new API keys");
    if (changed < 0)
        log_error("daemon: the API keys stay as they were: %s", e.msg);
}

static void look_around(struct daemon *d)
{
    if (app_alive(&d->app))
        service_ping(&d->service);
    shelf_tidy(d->app.shelf);
    current_prune(d->app.current);
    models_tidy(d->app.models);
    refresh_keys(d);
    service_status(&d->service, "%s: %d running, %d pictures wait",
                   models_first(d->app.models).model, sched_jobs(d->app.sched),
                   queue_pictures(d->app.queue));
}

/* The service manager hears of reloads, whoever has asked for them. */
static void tell_of_reload(struct daemon *d)
{
    bool running = reload_running(d->app.reload);

    if (running && !d->reloading)
        service_reloading(&d->service);
    if (!running && d->reloading)
        service_ready(&d->service);
    d->reloading = running;
}

int daemon_serve(struct daemon *d, struct err *e)
{
    enum service_signal signal;

    service_ready(&d->service);
    while ((signal = service_wait(&d->service, TICK_MS)) != SERVICE_STOP) {
        if (signal == SERVICE_RELOAD)
            reload_ask(d->app.reload, NULL);
        tell_of_reload(d);
        if (sched_faulted(d->app.sched)) {
            service_failed(&d->service);
            return err_set(e, ERR_DEVICE, "the device failed; start the daemon again");
        }
        look_around(d);
    }
    return 0;
}

/* ---- the end ---- */

static bool is_drawn(struct daemon *d)
{
    return sched_finished(d->app.sched);
}

static bool is_read(struct daemon *d)
{
    return http_busy(d->work) + http_busy(d->admin) == 0;
}

/* False when it is not so within the time, or when somebody who does not want to wait asks again.
 */
static bool wait_until(struct daemon *d, bool (*is_so)(struct daemon *d), double seconds)
{
    int64_t until = clock_ns() + daemon_ns(seconds);

    while (!is_so(d)) {
        if (clock_ns() >= until || service_wait(&d->service, DRAIN_TICK_MS) == SERVICE_STOP)
            return is_so(d);
        if (app_alive(&d->app))
            service_ping(&d->service);
        service_extend(&d->service);
    }
    return true;
}

static int finish_jobs(struct daemon *d)
{
    if (wait_until(d, is_drawn, d->config->drain_s))
        return 0;
    log_warn("daemon: out of patience, dropping %d requests", sched_jobs(d->app.sched));
    sched_abort(d->app.sched);
    return wait_until(d, is_drawn, STUCK_WAIT_S) ? 0 : -1;
}

/* Clients that are connected have been let in: their request may be on its way. */
static bool has_come(struct daemon *d)
{
    return http_coming(d->work) == 0;
}

int daemon_drain(struct daemon *d)
{
    log_info("daemon: stopping; %d requests run, %d pictures wait", sched_jobs(d->app.sched),
             queue_pictures(d->app.queue));
    atomic_store(&d->app.draining, true);
    service_stopping(&d->service);
    service_status(&d->service, "stopping");
    http_quiesce(d->work);
    wait_until(d, has_come, COMING_WAIT_S);
    queue_close(d->app.queue);
    models_stop(d->app.models);
    reload_stop(d->app.reload);
    if (finish_jobs(d))
        return -1;
    if (!wait_until(d, is_read, d->config->write_timeout_s))
        log_warn("daemon: out of patience, cutting off %d answers",
                 http_busy(d->work) + http_busy(d->admin));
    return 0;
}
