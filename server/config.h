/*
 * clipgend's configuration: one table of rows gives the file etc/clipgend.conf, the flags, the
 * defaults and --help.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"
#include "base/err.h"
#include "server/models.h"

#define CONFIG_FULL_STATUSES "429|503"

struct config {
    /* [server] */
    char *listen, *admin_listen, *agent_listen, *api_keys, *tls_cert, *tls_key, *cors_origins;
    int full_status; /* index into CONFIG_FULL_STATUSES */
    int64_t threads, connections, queue_max, jobs_max;
    double jobs_ttl_s, heartbeat_s, timeout_s, drain_s, stuck_s;
    bool half_close_is_gone;
    bool any_model, image_metadata, web_page;
    int log_level;  /* enum log_level */
    int access_log; /* enum access_format */
    /* [limits] */
    int64_t body_max_kib, image_pixels_max;
    double header_timeout_s, body_timeout_s, write_timeout_s, idle_timeout_s;
    /* [model] */
    char *bundle, *bundles;
    int backend; /* index into "auto|cpu|cuda" */
    int64_t memory_max_mib;
    int weights; /* enum param_format */
    int64_t cpu_threads, rows;
};

/* Where a configuration is read from, to be read again. */
struct config_source {
    int argc;
    char **argv;
    const char *path;
};

extern const struct conf_row CONFIG_ROWS[];

/* Defaults, then the file (--config FILE, or path if it exists; NULL: no file), then flags. */
int config_read(int argc, char **argv, const char *path, struct config *ret_config, struct err *e);
void config_release(struct config *c);

/* Directories of the bundles that are served, the first one first. */
struct config_paths {
    char *path[MODELS_MAX]; /* owned */
    int n;
};

int config_bundles(const struct config *c, struct config_paths *ret_paths, struct err *e);
void config_paths_release(struct config_paths *p);

const char *config_backend_name(const struct config *c);
int config_full_status(const struct config *c); /* 429 or 503 */

#endif
