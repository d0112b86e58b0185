#include "server/route.h"

#include <stdio.h>
#include <string.h>

#include "server/api_generate.h"
#include "server/api_health.h"
#include "server/api_metrics.h"
#include "server/api_models.h"

const struct route ROUTES_WORK[] = {
    { "POST", "/v1/generate", true, api_generate, api_generate_resume, false },
    { "GET", "/v1/models", false, api_models, NULL, false },
    { "GET", "/healthz", false, api_healthz, NULL, true },
    { "GET", "/livez", false, api_livez, NULL, true },
    { "GET", "/readyz", false, api_readyz, NULL, true },
    { "GET", "/metrics", false, api_metrics, NULL, true },
    { NULL, NULL, false, NULL, NULL, false },
};

const struct route ROUTES_ADMIN[] = {
    { "GET", "/v1/models", false, api_models, NULL, false },
    { "GET", "/healthz", false, api_healthz, NULL, true },
    { "GET", "/livez", false, api_livez, NULL, true },
    { "GET", "/readyz", false, api_readyz, NULL, true },
    { "GET", "/metrics", false, api_metrics, NULL, true },
    { NULL, NULL, false, NULL, NULL, false },
};

static bool method_fits(const struct route *r, const char *method)
{
    return strcmp(r->method, method) == 0 ||
           (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void add_allowed(const struct route *r, char *allow, size_t size)
{
    size_t n = strlen(allow);

    snprintf(allow + n, size - n, "%s%s%s", n ? ", " : "", r->method,
             strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
}

const struct route *route_find(const struct route *table, const char *method, const char *path,
                               struct reply *ret_reply)
{
    char allow[64] = "";

    for (const struct route *r = table; r->path; r++) {
        if (strcmp(r->path, path) != 0)
            continue;
        if (method_fits(r, method))
            return r;
        add_allowed(r, allow, sizeof allow);
    }
    if (!*allow) {
        reply_error(ret_reply, 404, NULL, "%.100s: no such path", path);
        return NULL;
    }
    reply_error(ret_reply, 405, NULL, "%.20s is not allowed here; %s is", method, allow);
    reply_header(ret_reply, "Allow", "%s", allow);
    return NULL;
}
