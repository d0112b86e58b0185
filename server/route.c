#include "server/route.h"

#include <stdio.h>
#include <string.h>

#include "server/api_admin.h"
#include "server/api_capabilities.h"
#include "server/api_clip.h"
#include "server/api_generate.h"
#include "server/api_health.h"
#include "server/api_jobs.h"
#include "server/api_metrics.h"
#include "server/api_models.h"
#include "server/api_openai.h"
#include "server/api_sdapi.h"
#include "server/api_tokens.h"
#include "server/api_web.h"

const struct route ROUTES_WORK[] = {
    { .method = "GET", .path = "/", .run = api_web, .open = true },
    { .method = "GET", .path = "/style.css", .run = api_web, .open = true },
    { .method = "GET", .path = "/app.js", .run = api_web, .open = true },
    { .method = "GET", .path = "/events.js", .run = api_web, .open = true },
    { .method = "POST",
      .path = "/v1/generate",
      .body = ROUTE_JSON,
      .fields = &GENERATE_FIELDS,
      .run = api_generate,
      .resume = api_generate_resume,
      .voice = &API_GENERATE_VOICE },
    { .method = "POST",
      .path = "/v1/embeddings",
      .body = ROUTE_JSON,
      .fields = &EMBEDDINGS_FIELDS,
      .run = api_embeddings,
      .resume = api_embeddings_resume },
    { .method = "POST",
      .path = "/v1/rank",
      .body = ROUTE_JSON,
      .fields = &RANK_FIELDS,
      .run = api_rank,
      .resume = api_rank_resume },
    { .method = "POST",
      .path = "/v1/encode",
      .body = ROUTE_JSON,
      .fields = &ENCODE_FIELDS,
      .run = api_encode,
      .resume = api_encode_resume },
    { .method = "POST",
      .path = "/v1/decode",
      .body = ROUTE_JSON,
      .fields = &DECODE_FIELDS,
      .run = api_decode,
      .resume = api_generate_resume },
    { .method = "POST",
      .path = "/v1/images/generations",
      .body = ROUTE_JSON,
      .fields = &OPENAI_FIELDS,
      .run = api_generations,
      .resume = api_images_resume,
      .voice = &API_OPENAI_VOICE },
    { .method = "POST",
      .path = "/v1/images/variations",
      .body = ROUTE_FORM,
      .fields = &OPENAI_FIELDS,
      .run = api_variations,
      .resume = api_images_resume,
      .voice = &API_OPENAI_VOICE },
    { .method = "POST",
      .path = "/sdapi/v1/txt2img",
      .body = ROUTE_JSON,
      .fields = &TXT2IMG_FIELDS,
      .run = api_txt2img,
      .resume = api_txt2img_resume,
      .by_client = true },
    { .method = "GET", .path = "/sdapi/v1/progress", .run = api_sd_progress },
    { .method = "POST", .path = "/sdapi/v1/interrupt", .run = api_sd_interrupt },
    { .method = "GET", .path = "/sdapi/v1/sd-models", .run = api_sd_models },
    { .method = "GET", .path = "/sdapi/v1/samplers", .run = api_sd_samplers },
    { .method = "GET", .path = "/sdapi/v1/options", .run = api_sd_options },
    { .method = "POST",
      .path = "/sdapi/v1/options",
      .body = ROUTE_JSON,
      .fields = &SDAPI_OPTIONS_FIELDS,
      .run = api_sd_set_options },
    { .method = "GET", .path = "/v1/jobs/*", .run = api_jobs_get },
    { .method = "DELETE",
      .path = "/v1/jobs/*",
      .run = api_jobs_delete,
      .resume = api_jobs_delete_resume },
    { .method = "GET", .path = "/v1/jobs/*/events", .run = api_jobs_events },
    { .method = "GET", .path = "/v1/jobs/*/images/*", .run = api_jobs_image },
    { .method = "GET", .path = "/v1/models", .run = api_models },
    { .method = "GET", .path = "/v1/models/*", .run = api_model },
    { .method = "GET", .path = "/v1/capabilities", .run = api_capabilities },
    { .method = "GET", .path = "/healthz", .run = api_healthz, .open = true, .probe = true },
    { .method = "GET", .path = "/livez", .run = api_livez, .open = true, .probe = true },
    { .method = "GET", .path = "/readyz", .run = api_readyz, .open = true, .probe = true },
    { .method = "GET", .path = "/metrics", .run = api_metrics, .probe = true },
    { .path = NULL },
};

const struct route ROUTES_ADMIN[] = {
    { .method = "POST",
      .path = "/admin/reload",
      .run = api_admin_reload,
      .resume = api_admin_reload_resume },
    { .method = "GET", .path = "/admin/log-level", .run = api_admin_log_level },
    { .method = "PUT",
      .path = "/admin/log-level",
      .body = ROUTE_JSON,
      .fields = &LOG_LEVEL_FIELDS,
      .run = api_admin_set_log_level },
    { .method = "GET", .path = "/admin/drain", .run = api_admin_drain },
    { .method = "PUT",
      .path = "/admin/drain",
      .body = ROUTE_JSON,
      .fields = &DRAIN_FIELDS,
      .run = api_admin_set_drain },
    { .method = "GET", .path = "/v1/models", .run = api_models },
    { .method = "GET", .path = "/v1/models/*", .run = api_model },
    { .method = "GET", .path = "/v1/capabilities", .run = api_capabilities },
    { .method = "GET", .path = "/healthz", .run = api_healthz, .probe = true },
    { .method = "GET", .path = "/livez", .run = api_livez, .probe = true },
    { .method = "GET", .path = "/readyz", .run = api_readyz, .probe = true },
    { .method = "GET", .path = "/metrics", .run = api_metrics, .probe = true },
    { .path = NULL },
};

/* Compares segment by segment; "*" fits any that is not empty. */
static bool path_fits(const char *pattern, const char *path)
{
    while (*pattern && *path) {
        if (*pattern == '*' && *path != '/') {
            pattern++;
            path += strcspn(path, "/");
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *pattern == *path;
}

bool route_arg(const char *path, int n, char *ret_arg, size_t size)
{
    size_t len;

    for (; n > 0 && path; n--)
        path = strchr(path + 1, '/');
    len = path ? strcspn(path + 1, "/") : 0;
    if (len == 0 || len >= size)
        return false;
    memcpy(ret_arg, path + 1, len);
    ret_arg[len] = 0;
    return true;
}

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
        if (!path_fits(r->path, path))
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
