#include "server/app.h"

#include "base/clock.h"

bool app_alive(const struct app *app)
{
    return clock_ns() - sched_beat_ns(app->sched) < app->stuck_ns;
}

static const char *fault_of(const struct app *app)
{
    return sched_faulted(app->sched) ? "the device failed"
           : !app_alive(app)         ? "the device thread is stuck"
                                     : NULL;
}

bool app_ready(const struct app *app, const char **ret_why)
{
    *ret_why = atomic_load(&app->draining)  ? "shutting down"
               : atomic_load(&app->drained) ? "drained by an operator"
                                            : fault_of(app);
    return !*ret_why;
}

bool app_draining(const struct app *app)
{
    return atomic_load(&app->draining) || atomic_load(&app->drained);
}

bool app_takes_work(const struct app *app, const char **ret_why)
{
    *ret_why = queue_closed(app->queue) ? "shutting down" : fault_of(app);
    return !*ret_why;
}
