#include "server/api_admin.h"

#include <jansson.h>

#include "base/log.h"
#include "server/api_models.h"
#include "server/route.h"
#include "server/wish.h"

/* ---- reload ---- */

static void told(void *exchange)
{
    exchange_resume(exchange);
}

static void client_gone(void *exchange)
{
    struct exchange *x = exchange;

    if (!reload_leave(&x->reload_waiter))
        return;
    x->gone = true;
    exchange_resume(x);
}

void api_admin_reload(struct app *app, struct exchange *x)
{
    if (wish_is_async(x)) {
        reload_ask(app->reload, NULL);
        reply_json(&x->reply, json_pack("{s:s}", "status", "reloading"));
        x->reply.status = 202;
        reply_header(&x->reply, "Preference-Applied", "respond-async");
        return;
    }
    x->reload_waiter = (struct reload_waiter){ .told = told, .arg = x };
    exchange_suspend(x);
    reload_ask(app->reload, &x->reload_waiter);
    exchange_watch(x, client_gone);
}

/* What is wrong is the configuration or a file of it, not the request. */
void api_admin_reload_resume(struct app *app, struct exchange *x)
{
    const struct err *e = &x->reload_waiter.err;
    int status = e->code == ERR_UNAVAILABLE || e->code == ERR_NOMEM ? 503 : 500;

    if (e->code != ERR_NONE)
        reply_error(&x->reply, status, NULL, "%s", e->msg);
    else
        reply_json(&x->reply,
                   json_pack("{s:s,s:o}", "status", "ok", "models", api_models_json(app)));
}

/* ---- the body of a PUT ---- */

struct settings {
    int level; /* below 0: not given, as the other */
    int drained;
};

static const struct field LOG_LEVEL_ROWS[] = {
    { "level", &FIELD_CHOICE, 0, 0, offsetof(struct settings, level), LOG_LEVELS, "",
      "least important lines to log, until it is set or read again" },
    { .name = NULL },
};

const struct field_table LOG_LEVEL_FIELDS = { .rows = LOG_LEVEL_ROWS };

#define DRAIN_STATES "serving|drained"

static const struct field DRAIN_ROWS[] = {
    { "state", &FIELD_CHOICE, 0, 0, offsetof(struct settings, drained), DRAIN_STATES, "",
      "drained: not ready, so that those in front send new clients elsewhere; those that come are "
      "served" },
    { .name = NULL },
};

const struct field_table DRAIN_FIELDS = { .rows = DRAIN_ROWS };

/* False: x has its reply. */
static bool read_settings(struct app *app, struct exchange *x, struct settings *s)
{
    char param[FIELDS_PARAM_MAX];
    const char *text = x->body.data ? x->body.data : "";
    struct err e;

    *s = (struct settings){ .level = -1, .drained = -1 };
    if (fields_parse(x->route->fields, text, x->body.len, s, &app->limits, param, &e) == 0)
        return true;
    reply_err(&x->reply, &e, param);
    return false;
}

static void missing(struct exchange *x)
{
    const char *name = x->route->fields->rows[0].name;

    reply_error(&x->reply, 400, name, "%s: missing", name);
}

/* ---- log level ---- */

void api_admin_log_level(struct app *app, struct exchange *x)
{
    (void)app;
    reply_json(&x->reply, json_pack("{s:s}", "level", log_level_name(log_level())));
}

void api_admin_set_log_level(struct app *app, struct exchange *x)
{
    struct settings s;

    if (!read_settings(app, x, &s))
        return;
    if (s.level < 0) {
        missing(x);
        return;
    }
    log_set_level((enum log_level)s.level);
    api_admin_log_level(app, x);
}

/* ---- drain ---- */

void api_admin_drain(struct app *app, struct exchange *x)
{
    reply_json(&x->reply,
               json_pack("{s:s,s:i,s:i}", "state", app_draining(app) ? "drained" : "serving",
                         "jobs_running", sched_jobs(app->sched), "queue_pictures",
                         queue_pictures(app->queue)));
}

void api_admin_set_drain(struct app *app, struct exchange *x)
{
    struct settings s;

    if (!read_settings(app, x, &s))
        return;
    if (s.drained < 0) {
        missing(x);
        return;
    }
    if (atomic_exchange(&app->drained, s.drained) != s.drained)
        log_info("daemon: %s", s.drained ? "drained by an operator: not ready, but serving"
                                         : "not drained any more");
    api_admin_drain(app, x);
}
