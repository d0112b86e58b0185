#include "server/api_metrics.h"

#include "base/clock.h"
#include "base/sysmem.h"

/* views: must outlive what is made of them. Returns the rows of all that are loaded. */
static int describe_models(const struct model_view *views, int n, struct stats_model *ret_models)
{
    int rows = 0;

    for (int i = 0; i < n; i++) {
        bool ready = views[i].state == MODEL_READY;
        ret_models[i] = (struct stats_model){ views[i].info.model, ready,
                                              (double)engine_bytes(&views[i].info) };
        rows += ready ? views[i].info.rows : 0;
    }
    return rows;
}

void api_metrics(struct app *app, struct exchange *x)
{
    struct model_view views[MODELS_MAX];
    struct stats_model models[MODELS_MAX];
    int n = models_list(app->models, views);
    const char *why;
    struct stats_gauges g = {
        .queue_pictures = queue_pictures(app->queue),
        .jobs_running = sched_jobs(app->sched),
        .rows_used = sched_rows_used(app->sched),
        .rows = describe_models(views, n, models),
        .connections = watch_count(app->watch),
        .ready = app_ready(app, &why),
        .model_waiters = models_waiting(app->models),
        .jobs_kept = shelf_count(app->shelf),
        .resident_bytes = (double)sysmem_resident(),
        .memory_bytes = (double)models_bytes(app->models),
        .uptime_s = (double)(clock_ns() - app->started_ns) / 1e9,
        .version = CLIPGEN_VERSION,
        .model = views[0].info.model,
        .models = models,
        .n_models = n,
    };

    stats_print(app->stats, &g, &x->reply.body);
    x->reply.type = "text/plain; version=0.0.4; charset=utf-8";
    if (x->reply.body.failed)
        reply_error(&x->reply, 503, NULL, "metrics: out of memory");
}
