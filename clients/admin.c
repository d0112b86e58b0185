#include "clients/admin.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "clients/show.h"
#include "clients/web.h"

#define LOOK_US 200000 /* how often a drain is looked at */
#define BODY_MAX 4096

/* Sends, and prints what comes back. */
static int ask(const struct web_request *r, struct err *e)
{
    json_t *o;

    if (web_call(r, &o, e))
        return -1;
    show_object(o, 0);
    json_decref(o);
    return 0;
}

static int reload(const struct admin_options *o, struct err *e)
{
    return ask(&(struct web_request){ .server = o->server,
                                      .path = "/admin/reload",
                                      .method = "POST",
                                      .header = o->wait ? NULL : "Prefer: respond-async" },
               e);
}

/* {key: value} */
static int write_body(const char *key, const char *value, struct buf *out, struct err *e)
{
    json_t *o = json_pack("{s:s}", key, value);

    if (!o)
        return err_set(e, ERR_INVALID, "%s: not UTF-8", key);
    json_append(o, JSON_COMPACT, out);
    json_decref(o);
    return buf_check(out, e);
}

/* PUT path {key: value} */
static int put(const char *server, const char *path, const char *key, const char *value,
               struct err *e)
{
    struct web_request r = { .server = server, .path = path, .method = "PUT" };
    struct buf body;
    int failed;

    buf_init(&body, BODY_MAX);
    failed = write_body(key, value, &body, e);
    r.body = body.data;
    failed = failed || ask(&r, e);
    buf_release(&body);
    return failed ? -1 : 0;
}

static int log_level(const struct admin_options *o, struct err *e)
{
    static const char PATH[] = "/admin/log-level";

    return o->value ? put(o->server, PATH, "level", o->value, e)
                    : ask(&(struct web_request){ .server = o->server, .path = PATH }, e);
}

/* *ret_left: requests that run and pictures that wait. */
static int look(const char *server, json_int_t *ret_left, struct err *e)
{
    json_t *o;

    if (web_call(&(struct web_request){ .server = server, .path = "/admin/drain" }, &o, e))
        return -1;
    *ret_left = json_integer_value(json_object_get(o, "jobs_running")) +
                json_integer_value(json_object_get(o, "queue_pictures"));
    json_decref(o);
    return 0;
}

static int set_state(const char *server, const char *state, struct err *e)
{
    return put(server, "/admin/drain", "state", state, e);
}

static int drain(const struct admin_options *o, struct err *e)
{
    json_int_t left = o->wait;

    if (set_state(o->server, "drained", e))
        return -1;
    while (left > 0) {
        if (look(o->server, &left, e))
            return -1;
        if (left > 0)
            usleep(LOOK_US);
    }
    return 0;
}

static int undrain(const struct admin_options *o, struct err *e)
{
    return set_state(o->server, "serving", e);
}

static int health(const struct admin_options *o, struct err *e)
{
    return show_health(o->server, e);
}

static const struct {
    const char *name;
    int (*run)(const struct admin_options *o, struct err *e);
    bool takes_value;
} COMMANDS[] = {
    { "reload", reload, false },   { "log-level", log_level, true }, { "drain", drain, false },
    { "undrain", undrain, false }, { "health", health, false },
};
#define N_COMMANDS (sizeof COMMANDS / sizeof COMMANDS[0])

int admin(const struct admin_options *o, struct err *e)
{
    size_t i = 0;

    while (i < N_COMMANDS && strcmp(COMMANDS[i].name, o->command) != 0)
        i++;
    if (i == N_COMMANDS)
        return err_set(e, ERR_INVALID,
                       "admin %.40s: unknown; there are reload, log-level, drain, undrain and "
                       "health",
                       o->command);
    if (o->value && !COMMANDS[i].takes_value)
        return err_set(e, ERR_INVALID, "admin %s: unexpected argument '%.60s'", o->command,
                       o->value);
    return COMMANDS[i].run(o, e);
}
