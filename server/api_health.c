#include "server/api_health.h"

#include <jansson.h>

#include "base/clock.h"

static void reply_status_word(struct exchange *x, const char *why_not)
{
    reply_json(&x->reply, json_pack("{s:s}", "status", why_not ? why_not : "ok"));
    if (why_not)
        x->reply.status = 503;
}

void api_livez(struct app *app, struct exchange *x)
{
    reply_status_word(x, app_alive(app) ? NULL : "the device thread is stuck");
}

void api_readyz(struct app *app, struct exchange *x)
{
    const char *why;

    app_ready(app, &why);
    reply_status_word(x, why);
}

void api_healthz(struct app *app, struct exchange *x)
{
    const char *why;
    bool ready = app_ready(app, &why);
    const struct engine_info info = models_first(app->models);

    reply_json(&x->reply,
               json_pack("{s:s,s:s,s:s,s:s,s:I,s:i,s:i,s:{s:i,s:i}}", "status", why ? why : "ok",
                         "version", CLIPGEN_VERSION, "model", info.model, "device", info.device,
                         "uptime_s", (json_int_t)((clock_ns() - app->started_ns) / 1000000000),
                         "queue_pictures", queue_pictures(app->queue), "jobs_running",
                         sched_jobs(app->sched), "rows", "used", sched_rows_used(app->sched),
                         "total", info.rows));
    if (!ready)
        x->reply.status = 503;
}
