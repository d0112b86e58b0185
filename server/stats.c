#include "server/stats.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"

#define STATUS_FIRST 100
#define STATUS_LAST 599

static const double BOUNDS_S[] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                   0.5,   1,      2.5,   5,    10,    25,   60,  120 };
#define N_BOUNDS (sizeof BOUNDS_S / sizeof BOUNDS_S[0])

struct histogram {
    uint64_t below[N_BOUNDS + 1]; /* observations in each bucket; the last is +Inf */
    uint64_t n;
    double sum_s;
};

struct stats {
    pthread_mutex_t lock; /* guards every field below */
    int64_t counters[STATS_N_COUNTERS];
    int64_t requests[STATUS_LAST + 1 - STATUS_FIRST];
    struct histogram times[STATS_N_TIMES];
};

/* Rows of one name stand together: HELP and TYPE come once. */
static const struct {
    const char *name, *labels, *help;
} COUNTERS[] = {
    [STATS_PICTURES] = { "clipgen_pictures_total", "", "Pictures drawn, candidates included." },
    [STATS_TOKENS] = { "clipgen_tokens_total", "", "Image tokens drawn." },
    [STATS_STEPS] = { "clipgen_steps_total", "", "Steps of the engine." },
    [STATS_ROW_STEPS] = { "clipgen_row_steps_total", "",
                          "Rows in use, summed over the steps: how full batches are." },
    [STATS_REJECTED_FULL] = { "clipgen_rejected_total", "{reason=\"queue_full\"}",
                              "Requests refused." },
    [STATS_REJECTED_LIMITED] = { "clipgen_rejected_total", "{reason=\"key_limit\"}", "" },
    [STATS_REJECTED_DENIED] = { "clipgen_rejected_total", "{reason=\"denied\"}", "" },
    [STATS_REJECTED_DRAINING] = { "clipgen_rejected_total", "{reason=\"draining\"}", "" },
    [STATS_CLIENT_ABORTS] = { "clipgen_client_aborts_total", "",
                              "Requests whose client went away." },
    [STATS_CANCELLED] = { "clipgen_cancelled_total", "",
                          "Jobs dropped because their client left or cancelled them." },
    [STATS_DEADLINES] = { "clipgen_deadline_total", "", "Requests that passed their deadline." },
};

static const struct {
    const char *name, *help;
} TIMES[] = {
    [STATS_QUEUE] = { "clipgen_queue_seconds", "Wait for the first slot." },
    [STATS_ENCODE] = { "clipgen_encode_seconds", "Embedding of the prompt." },
    [STATS_DECODE] = { "clipgen_decode_seconds", "First slot to last token of a request." },
    [STATS_PIXELS] = { "clipgen_pixels_seconds", "Tokens to pixels and score, all pictures." },
    [STATS_PNG] = { "clipgen_png_seconds", "Pixels to PNG, all pictures." },
    [STATS_TOTAL] = { "clipgen_request_seconds", "Whole generate request." },
};

int stats_new(struct stats **ret_stats, struct err *e)
{
    struct stats *s = mem_alloc(1, sizeof *s);

    if (!s)
        return err_set(e, ERR_NOMEM, "stats: out of memory");
    pthread_mutex_init(&s->lock, NULL);
    *ret_stats = s;
    return 0;
}

void stats_free(struct stats *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

void stats_add(struct stats *s, enum stats_counter c, int64_t n)
{
    pthread_mutex_lock(&s->lock);
    s->counters[c] += n;
    pthread_mutex_unlock(&s->lock);
}

int64_t stats_get(struct stats *s, enum stats_counter c)
{
    int64_t n;

    pthread_mutex_lock(&s->lock);
    n = s->counters[c];
    pthread_mutex_unlock(&s->lock);
    return n;
}

void stats_request(struct stats *s, int status)
{
    if (status < STATUS_FIRST || status > STATUS_LAST)
        return;
    pthread_mutex_lock(&s->lock);
    s->requests[status - STATUS_FIRST]++;
    pthread_mutex_unlock(&s->lock);
}

void stats_observe(struct stats *s, enum stats_time t, int64_t ns)
{
    struct histogram *h = &s->times[t];
    double seconds = (double)ns / 1e9;
    size_t bucket = 0;

    while (bucket < N_BOUNDS && seconds > BOUNDS_S[bucket])
        bucket++;
    pthread_mutex_lock(&s->lock);
    h->below[bucket]++;
    h->n++;
    h->sum_s += seconds;
    pthread_mutex_unlock(&s->lock);
}

/* ---- printing ---- */

static void print_head(const char *name, const char *type, const char *help, struct buf *out)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_gauge(const char *name, const char *help, double value, struct buf *out)
{
    print_head(name, "gauge", help, out);
    buf_printf(out, "%s %.15g\n", name, value);
}

static void print_models(const struct stats_gauges *g, struct buf *out)
{
    print_head("clipgen_model_ready", "gauge", "1 when the model is loaded.", out);
    for (int i = 0; i < g->n_models; i++)
        buf_printf(out, "clipgen_model_ready{model=\"%s\"} %d\n", g->models[i].name,
                   g->models[i].ready);
    print_head("clipgen_model_memory_bytes", "gauge", "Device memory that the model takes.", out);
    for (int i = 0; i < g->n_models; i++)
        buf_printf(out, "clipgen_model_memory_bytes{model=\"%s\"} %.15g\n", g->models[i].name,
                   g->models[i].memory_bytes);
}

static void print_gauges(const struct stats_gauges *g, struct buf *out)
{
    print_gauge("clipgen_queue_pictures", "Pictures waiting for a slot.", g->queue_pictures, out);
    print_gauge("clipgen_jobs_running", "Requests the scheduler works on.", g->jobs_running, out);
    print_gauge("clipgen_rows_used", "Batch rows in use.", g->rows_used, out);
    print_gauge("clipgen_rows", "Batch rows of all models that are loaded.", g->rows, out);
    print_gauge("clipgen_connections", "Open connections, all listeners.", g->connections, out);
    print_gauge("clipgen_ready", "1 when new work is taken.", g->ready, out);
    print_gauge("clipgen_device_memory_bytes", "Device memory of all models that are loaded.",
                g->memory_bytes, out);
    print_gauge("clipgen_model_waiters", "Requests that wait for a model to be loaded.",
                g->model_waiters, out);
    print_gauge("clipgen_jobs_kept", "Jobs kept for clients that come back.", g->jobs_kept, out);
    print_gauge("clipgen_resident_memory_bytes", "Memory of the process.", g->resident_bytes, out);
    print_gauge("clipgen_uptime_seconds", "Since start.", g->uptime_s, out);
    print_head("clipgen_build_info", "gauge", "Version and model; always 1.", out);
    buf_printf(out, "clipgen_build_info{version=\"%s\",model=\"%s\"} 1\n", g->version, g->model);
}

static void print_counters(const struct stats *s, struct buf *out)
{
    for (int i = 0; i < STATS_N_COUNTERS; i++) {
        if (i == 0 || strcmp(COUNTERS[i].name, COUNTERS[i - 1].name) != 0)
            print_head(COUNTERS[i].name, "counter", COUNTERS[i].help, out);
        buf_printf(out, "%s%s %" PRId64 "\n", COUNTERS[i].name, COUNTERS[i].labels, s->counters[i]);
    }
}

static void print_requests(const struct stats *s, struct buf *out)
{
    print_head("clipgen_requests_total", "counter", "HTTP requests by status.", out);
    for (int status = STATUS_FIRST; status <= STATUS_LAST; status++)
        if (s->requests[status - STATUS_FIRST])
            buf_printf(out, "clipgen_requests_total{code=\"%d\"} %" PRId64 "\n", status,
                       s->requests[status - STATUS_FIRST]);
}

static void print_time(const struct histogram *h, const char *name, const char *help,
                       struct buf *out)
{
    uint64_t n = 0;

    print_head(name, "histogram", help, out);
    for (size_t i = 0; i < N_BOUNDS; i++) {
        n += h->below[i];
        buf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, BOUNDS_S[i], n);
    }
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, h->n);
    buf_printf(out, "%s_sum %.9g\n%s_count %" PRIu64 "\n", name, h->sum_s, name, h->n);
}

void stats_print(struct stats *s, const struct stats_gauges *g, struct buf *out)
{
    print_gauges(g, out);
    print_models(g, out);
    pthread_mutex_lock(&s->lock);
    print_counters(s, out);
    print_requests(s, out);
    for (int i = 0; i < STATS_N_TIMES; i++)
        print_time(&s->times[i], TIMES[i].name, TIMES[i].help, out);
    pthread_mutex_unlock(&s->lock);
}
