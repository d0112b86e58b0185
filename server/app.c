#include "server/app.h"

#include "base/clock.h"

bool app_alive(const struct app *app)
{
    return clock_ns() - sched_beat_ns(app->sched) < app->stuck_ns;
}

bool app_ready(const struct app *app, const char **ret_why)
{
    *ret_why = sched_faulted(app->sched)     ? "the device failed"
               : atomic_load(&app->draining) ? "shutting down"
               : !app_alive(app)             ? "the device thread is stuck"
                                             : NULL;
    return !*ret_why;
}
