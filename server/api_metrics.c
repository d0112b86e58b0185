#include "server/api_metrics.h"

#include "base/clock.h"
#include "base/sysmem.h"

void api_metrics(struct app *app, struct exchange *x)
{
    const struct engine_info info = models_first(app->models);
    const char *why;
    struct stats_gauges g = {
        .queue_pictures = queue_pictures(app->queue),
        .jobs_running = sched_jobs(app->sched),
        .rows_used = sched_rows_used(app->sched),
        .rows_total = info.rows,
        .connections = watch_count(app->watch),
        .ready = app_ready(app, &why),
        .model_waiters = models_waiting(app->models),
        .jobs_kept = shelf_count(app->shelf),
        .resident_bytes = (double)sysmem_resident(),
        .memory_bytes = (double)models_bytes(app->models),
        .uptime_s = (double)(clock_ns() - app->started_ns) / 1e9,
        .version = CLIPGEN_VERSION,
        .model = info.model,
    };

    stats_print(app->stats, &g, &x->reply.body);
    x->reply.type = "text/plain; version=0.0.4; charset=utf-8";
    if (x->reply.body.failed)
        reply_error(&x->reply, 503, NULL, "metrics: out of memory");
}
