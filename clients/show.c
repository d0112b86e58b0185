#include "clients/show.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "clients/web.h"

static const struct web_tick NO_TICK = { NULL, NULL };

/* "  key: value" a line, objects one step further in. */
static void print_object(json_t *o, int indent)
{
    const char *key;
    json_t *v;

    json_object_foreach(o, key, v)
    {
        printf("%*s%s:", indent, "", key);
        if (json_is_string(v))
            printf(" %s\n", json_string_value(v));
        else if (json_is_integer(v))
            printf(" %" JSON_INTEGER_FORMAT "\n", json_integer_value(v));
        else if (json_is_number(v))
            printf(" %g\n", json_number_value(v));
        else
            putchar('\n');
        if (json_is_object(v))
            print_object(v, indent + 2);
    }
}

int show_models(const char *server, struct err *e)
{
    json_t *o;
    size_t i;
    json_t *model;

    if (web_call(server, "/v1/models", NULL, 0, NO_TICK, &o, e))
        return -1;
    json_array_foreach(json_object_get(o, "data"), i, model) print_object(model, 0);
    json_decref(o);
    return 0;
}

int show_health(const char *server, struct err *e)
{
    const char *status;
    json_t *o;
    int failed = 0;

    if (web_call(server, "/healthz", NULL, 1, NO_TICK, &o, e))
        return -1;
    print_object(o, 0);
    status = json_string_value(json_object_get(o, "status"));
    if (!status || strcmp(status, "ok") != 0)
        failed = err_set(e, ERR_UNAVAILABLE, "the daemon is not well: %s", status ? status : "?");
    json_decref(o);
    return failed;
}
