#include "clients/show.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "clients/web.h"

void show_object(json_t *o, int indent)
{
    const char *key;
    json_t *v;

    json_object_foreach (o, key, v) {
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
            show_object(v, indent + 2);
    }
}

int show_models(const char *server, struct err *e)
{
    json_t *o;
    size_t i;
    json_t *model;

    if (web_call(&(struct web_request){ .server = server, .path = "/v1/models" }, &o, e))
        return -1;
    json_array_foreach (json_object_get(o, "data"), i, model)
        show_object(model, 0);
    json_decref(o);
    return 0;
}

int show_health(const char *server, struct err *e)
{
    const char *status;
    json_t *o;
    int failed = 0;
    const struct web_request r = { .server = server, .path = "/healthz", .allow_503 = true };

    if (web_call(&r, &o, e))
        return -1;
    show_object(o, 0);
    status = json_string_value(json_object_get(o, "status"));
    if (!status || strcmp(status, "ok") != 0)
        failed = err_set(e, ERR_UNAVAILABLE, "the daemon is not well: %s", status ? status : "?");
    json_decref(o);
    return failed;
}
