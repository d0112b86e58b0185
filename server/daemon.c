#include "server/daemon.h"

#include <unistd.h>

#include "base/log.h"
#include "server/daemon_impl.h"
#include "server/listen.h"

static void close_socket(struct daemon_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    if (s->address)
        listen_forget(s->address);
}

static void daemon_close(struct daemon *d)
{
    struct app *a = &d->app;

    if (d->sched_running)
        sched_join(a->sched);
    reload_free(a->reload);
    agent_close(d->agent);
    http_close(d->work);
    http_close(d->admin);
    tls_close(d->tls);
    watch_close(a->watch);
    sched_free(a->sched);
    models_free(a->models);
    shelf_free(a->shelf);
    current_free(a->current);
    keys_close(a->keys);
    queue_free(a->queue);
    stats_free(a->stats);
    close_socket(&d->work_socket);
    close_socket(&d->admin_socket);
    close_socket(&d->agent_socket);
    service_close(&d->service);
}

enum daemon_end daemon_run(const struct config *c, const struct config_source *source,
                           struct err *e)
{
    struct daemon d = { .config = c,
                        .source = source,
                        .work_socket.fd = -1,
                        .admin_socket.fd = -1,
                        .agent_socket.fd = -1 };
    bool failed = daemon_open(&d, e) || daemon_serve(&d, e);

    if (d.sched_running && daemon_drain(&d))
        return DAEMON_STUCK;
    daemon_close(&d);
    if (!failed)
        log_info("daemon: stopped");
    return failed ? DAEMON_FAILED : DAEMON_STOPPED;
}
