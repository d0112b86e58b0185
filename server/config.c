#include "server/config.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/generate.h"
#include "server/access.h"
#include "server/cors.h"

#define BACKENDS "auto|cpu|cuda"
#define CONNECTIONS_SPARE 32 /* for health checks and refusals while the queue is full */

#define S struct config

const struct conf_row CONFIG_ROWS[] = {
    CONF_STRING(
        "server", "listen", "127.0.0.1:8080", 255, S, listen,
        "where the work listener is: address:port (*:8080 is every address, port 0 any free "
        "one), unix:/path, or systemd:NAME for a socket that systemd holds"),
    CONF_STRING(
        "server", "admin_listen", "", 255, S, admin_listen,
        "the same for a second listener for health, metrics and administration, which a full "
        "house cannot silence; empty: none"),
    CONF_STRING(
        "server", "agent_listen", "", 255, S, agent_listen,
        "the same for HAProxy's agent-check: one line on whether and how much work is wanted; "
        "empty: none"),
    CONF_STRING("server", "tls_cert", "", 4095, S, tls_cert,
                "PEM file with the work listener's certificate, followed by those of its issuers; "
                "read again at SIGHUP; empty: the systemd credential tls-cert if there is one, "
                "else plain HTTP"),
    CONF_STRING("server", "tls_key", "", 4095, S, tls_key,
                "PEM file with its key; empty: the systemd credential tls-key if there is one"),
    CONF_STRING("server", "cors_origins", "", 4095, S, cors_origins,
                "sites whose pages may use the work listener from browsers (CORS): origins such as "
                "https://app.example, or *; empty: none"),
    CONF_STRING("server", "api_keys", "", 4095, S, api_keys,
                "file of API keys, looked at again when it changes; empty: the systemd credential "
                "api-keys if there is one, else everybody is served"),
    CONF_INT("server", "threads", "4", 1, 64, S, threads,
             "threads of the work listener; they parse requests and write PNGs"),
    CONF_INT("server", "connections", "512", 64, 65536, S, connections,
             "open connections of the work listener; more wait in the kernel"),
    CONF_INT("server", "queue_max", "256", 64, 16384, S, queue_max,
             "pictures allowed to wait for the device; a request for more gets full_status"),
    CONF_ENUM("server", "full_status", "429", CONFIG_FULL_STATUSES, S, full_status,
              "answer to requests that do not fit: 429, come again; or 503, which a proxy in front "
              "may send to another daemon"),
    CONF_INT("server", "jobs_max", "256", 1, 4096, S, jobs_max,
             "jobs kept for clients that ask with Prefer: respond-async or Idempotency-Key; the "
             "one that ended first makes room"),
    CONF_REAL("server", "jobs_ttl_s", "600", 1, 604800, S, jobs_ttl_s,
              "seconds that such a job is kept after its end"),
    CONF_REAL("server", "heartbeat_s", "15", 0.1, 3600, S, heartbeat_s,
              "seconds after which a stream says that it is still there"),
    CONF_REAL("server", "timeout_s", "300", 0.1, 86400, S, timeout_s,
              "seconds a request may take before it gets 504"),
    CONF_REAL("server", "drain_s", "60", 0, 86400, S, drain_s,
              "seconds that running requests get to finish after SIGTERM"),
    CONF_REAL("server", "stuck_s", "60", 1, 86400, S, stuck_s,
              "seconds without a turn of the device thread after which /livez fails"),
    CONF_BOOL("server", "half_close_is_gone", "true", S, half_close_is_gone,
              "a client that shuts down its sending side has left, and its request is dropped"),
    CONF_BOOL("server", "any_model", "false", S, any_model,
              "requests that name a model which is not served get the one that is, instead of 404: "
              "for clients that always send gpt-image-1 or the like"),
    CONF_BOOL("server", "image_metadata", "true", S, image_metadata,
              "PNG and JPEG files say how they were made, unless the request says otherwise"),
    CONF_BOOL("server", "web_page", "true", S, web_page,
              "a page for people at /: a prompt, a picture, sliders, and what was drawn"),
    CONF_ENUM("server", "access_log", "text", ACCESS_FORMATS, S, access_log,
              "a line in the log for each request, with the times of its stages: as text, or as a "
              "JSON object"),
    CONF_ENUM("server", "log_level", "info", LOG_LEVELS, S, log_level,
              "least important lines to log"),
    CONF_INT("limits", "body_max_kib", "16384", 1, 262144, S, body_max_kib,
             "KiB of a request's body; more gets 413"),
    CONF_INT("limits", "image_pixels_max", "16777216", 1, 268435456, S, image_pixels_max,
             "pixels of an image prompt, checked before it is decoded; more gets 413"),
    CONF_REAL("limits", "header_timeout_s", "10", 0.1, 3600, S, header_timeout_s,
              "seconds to send request line and headers"),
    CONF_REAL("limits", "body_timeout_s", "60", 0.1, 3600, S, body_timeout_s,
              "seconds to send the body"),
    CONF_REAL("limits", "write_timeout_s", "60", 0.1, 3600, S, write_timeout_s,
              "seconds to read the answer"),
    CONF_REAL("limits", "idle_timeout_s", "60", 0.1, 3600, S, idle_timeout_s,
              "seconds a connection may idle between requests"),
    CONF_STRING("model", "bundle", "emoji-64", 4095, S, bundle,
                "model bundle: a directory, or a name without slash among the installed ones; "
                "requests that name no model mean this one"),
    CONF_STRING("model", "bundles", "", 4095, S, bundles,
                "further bundles, separated by commas: each is loaded when a request names its "
                "model, and unloaded when it is idle and another one needs the memory"),
    CONF_ENUM("model", "backend", "auto", BACKENDS, S, backend,
              "device; auto takes CUDA when it is usable"),
    CONF_INT("model", "cpu_threads", "0", 0, 1024, S, cpu_threads,
             "threads of the CPU device; 0: as many as the process may run on"),
    CONF_ENUM("model", "weights", "auto", PARAM_FORMATS, S, weights,
              "format of the transformer's and CLIP's matrices in memory; auto: q8_0 or q4_0 where "
              "the bundle is stored so, else f32"),
    CONF_INT("model", "rows", "16", 2, GEN_ROWS_MAX, S, rows,
             "rows of a step; a picture takes one, with guidance two"),
    CONF_INT("model", "memory_max_mib", "0", 0, 16777216, S, memory_max_mib,
             "MiB that models may take together, with weights, caches and activations; one that "
             "does not fit is not loaded; 0: what the machine has available"),
    CONF_END,
};

#undef S

static int read_file(struct config *c, int argc, char **argv, const char *path, struct err *e)
{
    const char *given = conf_peek(argc, argv, "config");

    if (given)
        return conf_load(CONFIG_ROWS, c, given, e);
    if (path && file_exists(path))
        return conf_load(CONFIG_ROWS, c, path, e);
    return 0;
}

static int read_flags(struct config *c, int argc, char **argv, struct err *e)
{
    int rest;

    if (conf_args(CONFIG_ROWS, c, argc, argv, "config", &rest, e))
        return -1;
    if (rest < argc)
        return err_set(e, ERR_INVALID, "unexpected argument '%.60s'; clipgend takes flags only",
                       argv[rest]);
    return 0;
}

/* Every waiting picture may be a connection of its own. */
static int check_together(const struct config *c, struct err *e)
{
    int64_t needed = c->queue_max + c->rows + CONNECTIONS_SPARE;

    if (c->connections < needed)
        return err_set(e, ERR_INVALID,
                       "connections: %d is fewer than queue_max + rows + %d = %d: a full queue "
                       "would lock everybody out",
                       (int)c->connections, CONNECTIONS_SPARE, (int)needed);
    return 0;
}

int config_read(int argc, char **argv, const char *path, struct config *ret_config, struct err *e)
{
    struct config c;

    memset(&c, 0, sizeof c);
    if (conf_defaults(CONFIG_ROWS, &c, e) || read_file(&c, argc, argv, path, e) ||
        read_flags(&c, argc, argv, e) || check_together(&c, e) || cors_check(c.cors_origins, e)) {
        config_release(&c);
        return -1;
    }
    *ret_config = c;
    return 0;
}

void config_release(struct config *c)
{
    conf_release(CONFIG_ROWS, c);
}

int config_full_status(const struct config *c)
{
    return c->full_status ? 503 : 429;
}

const char *config_backend_name(const struct config *c)
{
    static const char *const NAMES[] = { "auto", "cpu", "cuda" }; /* order of BACKENDS */

    return NAMES[c->backend];
}

/* ---- bundles ---- */

/* A name without slash is an installed bundle's. n: bytes of text. */
static int add_path(struct config_paths *p, const char *text, size_t n, struct err *e)
{
    char *name = mem_strndup(text, n), *path = name;

    if (p->n == MODELS_MAX) {
        mem_free(name);
        return err_set(e, ERR_INVALID, "bundles: with bundle more than %d", MODELS_MAX);
    }
    if (name && !strchr(name, '/')) {
        path = file_join(CLIPGEN_MODELDIR, name);
        mem_free(name);
    }
    if (!path)
        return err_set(e, ERR_NOMEM, "bundles: out of memory");
    p->path[p->n++] = path;
    return 0;
}

int config_bundles(const struct config *c, struct config_paths *ret_paths, struct err *e)
{
    static const char BETWEEN[] = ", ";
    const char *at = c->bundles;
    int failed;

    ret_paths->n = 0;
    failed = add_path(ret_paths, c->bundle, strlen(c->bundle), e);
    for (at += strspn(at, BETWEEN); *at && !failed; at += strspn(at, BETWEEN)) {
        size_t n = strcspn(at, BETWEEN);
        failed = add_path(ret_paths, at, n, e);
        at += n;
    }
    if (failed)
        config_paths_release(ret_paths);
    return failed;
}

void config_paths_release(struct config_paths *p)
{
    while (p->n)
        mem_free(p->path[--p->n]);
}
