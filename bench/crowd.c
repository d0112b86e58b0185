#include "bench/crowd.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"

#define URL_MAX 512
#define BODY_MAX ((size_t)1 << 20)
#define ANSWER_MAX ((size_t)64 << 20)
#define WAIT_MS 10
#define HEALTH_EVERY_NS INT64_C(20000000)
#define MEMORY_EVERY_NS INT64_C(1000000000)
#define MEMORY_METRIC "\nclipgen_resident_memory_bytes "

struct crowd;

/* One of those who ask. */
struct asker {
    CURL *curl;
    char url[URL_MAX];
    struct buf body, answer;
    bool asking;
    int64_t next_ns;  /* not before */
    int64_t every_ns; /* from one question to the next; 0: at once */
    void (*answered)(struct crowd *c, struct asker *a, int status);
};

struct crowd {
    const struct crowd_options *o;
    struct crowd_result *result;
    CURLM *multi;
    struct curl_slist *headers;
    struct asker *askers; /* the clients, then health, then memory */
    int n;
    int64_t asked, begin_ns;
};

/* ---- what came of it ---- */

static void add(struct crowd_times *t, double value)
{
    size_t cap = t->cap ? 2 * t->cap : 1024;
    double *grown = t->n < t->cap ? t->ms : mem_resize(t->ms, cap, sizeof *t->ms);

    if (!grown)
        return; /* a time that is not counted is better than a run that ends */
    if (t->n == t->cap)
        t->cap = cap;
    t->ms = grown;
    t->ms[t->n++] = value;
}

static double total_ms(const struct asker *a)
{
    double seconds = 0;

    curl_easy_getinfo(a->curl, CURLINFO_TOTAL_TIME, &seconds);
    return seconds * 1000;
}

static void drawn(struct crowd *c, struct asker *a, int status)
{
    c->result->by_status[status]++;
    if (status == 200)
        add(&c->result->answers, total_ms(a));
}

static void healthy(struct crowd *c, struct asker *a, int status)
{
    if (status == 200)
        add(&c->result->health, total_ms(a));
}

static void metered(struct crowd *c, struct asker *a, int status)
{
    const char *line = status == 200 ? strstr(a->answer.data, MEMORY_METRIC) : NULL;
    char number[32] = "";
    double bytes;

    if (!line)
        return;
    line += strlen(MEMORY_METRIC);
    snprintf(number, sizeof number, "%.*s", (int)strcspn(line, "\n"), line);
    if (num_parse_real(number, "memory", 0, 1e15, &bytes, NULL) == 0)
        add(&c->result->memory, bytes / 1048576);
}

/* ---- asking ---- */

static size_t on_data(char *data, size_t size, size_t n, void *answer)
{
    struct buf *b = answer;

    buf_append(b, data, size * n);
    return b->failed ? 0 : size * n;
}

static void fill_body(struct asker *a, const char *pattern, int64_t seed)
{
    buf_clear(&a->body);
    for (const char *at; (at = strstr(pattern, "SEED")); pattern = at + strlen("SEED")) {
        buf_append(&a->body, pattern, (size_t)(at - pattern));
        buf_printf(&a->body, "%" PRId64, seed);
    }
    buf_puts(&a->body, pattern);
}

static bool over(const struct crowd *c)
{
    if (c->o->requests && c->asked >= c->o->requests)
        return true;
    return c->o->seconds > 0 && (double)(clock_ns() - c->begin_ns) / 1e9 >= c->o->seconds;
}

static bool is_client(const struct crowd *c, const struct asker *a)
{
    return a - c->askers < c->o->clients;
}

static void ask(struct crowd *c, struct asker *a)
{
    buf_clear(&a->answer);
    if (is_client(c, a)) {
        fill_body(a, c->o->body, c->asked++);
        curl_easy_setopt(a->curl, CURLOPT_POSTFIELDS, a->body.data);
        curl_easy_setopt(a->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)a->body.len);
    }
    a->next_ns = clock_ns() + a->every_ns;
    a->asking = curl_multi_add_handle(c->multi, a->curl) == CURLM_OK;
}

/* The others ask as long as a client does. */
static bool ask_all(struct crowd *c)
{
    bool enough = over(c), busy = false;

    for (int i = 0; i < c->n; i++) {
        struct asker *a = &c->askers[i];
        if (!a->asking && !enough && clock_ns() >= a->next_ns) {
            ask(c, a);
            enough = over(c);
        }
        busy |= is_client(c, a) && a->asking;
    }
    return busy;
}

static void take_answers(struct crowd *c)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(c->multi, &left))) {
        struct asker *a;
        long status = 0;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &a);
        if (msg->data.result == CURLE_OK)
            curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(c->multi, a->curl);
        a->asking = false;
        a->answered(c, a, status > 0 && status < CROWD_STATUSES ? (int)status : 0);
    }
}

static int ask_and_answer(struct crowd *c, struct err *e)
{
    int running;

    c->begin_ns = clock_ns();
    while (ask_all(c)) {
        if (curl_multi_perform(c->multi, &running) != CURLM_OK ||
            curl_multi_poll(c->multi, NULL, 0, WAIT_MS, NULL) != CURLM_OK)
            return err_set(e, ERR_IO, "libcurl failed");
        take_answers(c);
    }
    c->result->seconds = (double)(clock_ns() - c->begin_ns) / 1e9;
    return 0;
}

/* ---- the crowd ---- */

static int asker_open(struct crowd *c, struct asker *a, const char *url, const char *path,
                      void (*answered)(struct crowd *c, struct asker *a, int status))
{
    a->curl = curl_easy_init();
    if (!a->curl)
        return -1;
    snprintf(a->url, URL_MAX, "%.*s%s", URL_MAX / 2, url, path);
    buf_init(&a->body, BODY_MAX);
    buf_init(&a->answer, ANSWER_MAX);
    a->answered = answered;
    curl_easy_setopt(a->curl, CURLOPT_URL, a->url);
    curl_easy_setopt(a->curl, CURLOPT_PRIVATE, a);
    curl_easy_setopt(a->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, &a->answer);
    if (is_client(c, a))
        curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, c->headers);
    return 0;
}

static int open_askers(struct crowd *c)
{
    struct asker *health = &c->askers[c->o->clients], *memory = health + 1;

    for (int i = 0; i < c->o->clients; i++)
        if (asker_open(c, &c->askers[i], c->o->url, "/v1/generate", drawn))
            return -1;
    health->every_ns = HEALTH_EVERY_NS;
    memory->every_ns = MEMORY_EVERY_NS;
    return asker_open(c, health, c->o->admin_url, "/readyz", healthy) ||
           asker_open(c, memory, c->o->admin_url, "/metrics", metered);
}

static int crowd_open(struct crowd *c, struct err *e)
{
    c->n = c->o->clients + 2;
    c->askers = mem_alloc((size_t)c->n, sizeof *c->askers);
    c->multi = curl_multi_init();
    c->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!c->askers || !c->multi || !c->headers || open_askers(c))
        return err_set(e, ERR_NOMEM, "out of memory");
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->n + 1);
    return 0;
}

static void crowd_close(struct crowd *c)
{
    for (int i = 0; c->askers && i < c->n; i++) {
        struct asker *a = &c->askers[i];
        if (!a->curl)
            continue;
        if (a->asking)
            curl_multi_remove_handle(c->multi, a->curl);
        curl_easy_cleanup(a->curl);
        buf_release(&a->body);
        buf_release(&a->answer);
    }
    curl_multi_cleanup(c->multi);
    curl_slist_free_all(c->headers);
    mem_free(c->askers);
}

int crowd_run(const struct crowd_options *o, struct crowd_result *ret_result, struct err *e)
{
    struct crowd c = { .o = o, .result = ret_result };
    int failed;

    memset(ret_result, 0, sizeof *ret_result);
    failed = crowd_open(&c, e) || ask_and_answer(&c, e);
    crowd_close(&c);
    if (failed)
        crowd_release(ret_result);
    return failed ? -1 : 0;
}

void crowd_release(struct crowd_result *r)
{
    mem_free(r->answers.ms);
    mem_free(r->health.ms);
    mem_free(r->memory.ms);
    memset(r, 0, sizeof *r);
}
