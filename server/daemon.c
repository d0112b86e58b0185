#include "server/daemon.h"

#include <unistd.h>

#include "base/log.h"
#include "server/daemon_impl.h"
#include "server/listen.h"

/* fd: unless a listener has closed it. */
static void close_socket(const char *address, int fd, bool open)
{
    if (fd >= 0)
        close(fd);
    if (open)
        listen_forget(address);
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

enum daemon_end daemon_run(const struct config *c, const struct config_source *source,
                           struct err *e)
{
    struct daemon d = { .config = c, .source = source, .work_fd = -1, .admin_fd = -1 };
    bool failed = daemon_open(&d, e) || daemon_serve(&d, e);

    if (d.sched_running && daemon_drain(&d))
        return DAEMON_STUCK;
    daemon_close(&d);
    if (!failed)
        log_info("daemon: stopped");
    return failed ? DAEMON_FAILED : DAEMON_STOPPED;
}
