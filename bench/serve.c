/*
 * bench/serve: requests a second of a running clipgend, and how long one waits, for several clients
 * at once.
 *
 *     bench/serve --clients "1 8"
 *     bench/serve --clients 200 --seconds 180 --admin-url http://127.0.0.1:8081
 *
 * Every client asks for one picture, waits for it and asks again; every request has a seed of its
 * own. Meanwhile health is asked for fifty times a second, and the daemon's memory read every
 * second. A row: requests a second that were answered with 200; milliseconds of the median, of the
 * slowest but one in twenty, and of the slowest; of health, the slowest but one in a hundred; and
 * the process' MiB after a third of the time and at the end. Other statuses follow. One that is not
 * among those that may be ends it with status 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "bench/crowd.h"
#include "bench/program.h"

#define CLIENTS_MAX 4096
#define ROUNDS_MAX 16

struct options {
    char *url, *admin_url, *clients, *body, *fine;
    int64_t requests;
    double seconds;
    bool json;
};

static const struct conf_row ROWS[] = {
    CONF_STRING("serve", "url", "http://127.0.0.1:8080", 255, struct options, url, "of the daemon"),
    CONF_STRING("serve", "admin_url", "", 255, struct options, admin_url,
                "of its admin listener, for health and memory; empty: the same"),
    CONF_STRING("serve", "clients", "1 8", 255, struct options, clients,
                "numbers of clients at once, one after the other"),
    CONF_INT("serve", "requests", "32", 0, 1000000000, struct options, requests,
             "in all, for each number of clients; 0, or with seconds: as many as come"),
    CONF_REAL("serve", "seconds", "0", 0, 86400, struct options, seconds,
              "for each number of clients; 0: until all requests are answered"),
    CONF_STRING("serve", "body", "{\"prompt\":\"a red apple\",\"seed\":SEED}", 65535,
                struct options, body, "of a request, where SEED stands for a number"),
    CONF_STRING("serve", "fine", "200", 255, struct options, fine,
                "statuses that may be, as in \"200 429 504\""),
    CONF_BOOL("serve", "json", "no", struct options, json, "print one object instead of a table"),
    CONF_END,
};

/* ---- numbers in a text: "1 8" ---- */

static int read_numbers(const char *text, const char *what, int64_t max, int *ret_numbers,
                        int *ret_n, struct err *e)
{
    *ret_n = 0;
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t n = strcspn(text, " ");
        char word[16];
        int64_t number;
        snprintf(word, sizeof word, "%.*s", (int)n, text);
        if (*ret_n == ROUNDS_MAX)
            return err_set(e, ERR_INVALID, "%s: more than %d", what, ROUNDS_MAX);
        if (num_parse_int(word, what, 1, max, &number, e))
            return -1;
        ret_numbers[(*ret_n)++] = (int)number;
        text += n;
    }
    return *ret_n ? 0 : err_set(e, ERR_INVALID, "%s: none", what);
}

/* ---- figures ---- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* part 0.99: what 99 of 100 do not exceed. Sorts. */
static double at(struct crowd_times *t, double part)
{
    size_t i = (size_t)(part * (double)t->n);

    if (!t->n)
        return 0;
    qsort(t->ms, t->n, sizeof *t->ms, by_size);
    return t->ms[i < t->n ? i : t->n - 1];
}

static void print_head(void)
{
    printf("%-8s %12s %10s %10s %10s %10s %10s %10s\n", "clients", "requests/s", "p50", "p95",
           "max ms", "health p99", "MiB", "at end");
}

static void print_statuses(const struct crowd_result *r, const char *form, const char *between)
{
    const char *before = "";

    for (int status = 0; status < CROWD_STATUSES; status++) {
        if (!r->by_status[status])
            continue;
        printf("%s", before);
        printf(form, status, (long long)r->by_status[status]);
        before = between;
    }
}

static void print_result(int clients, struct crowd_result *r, bool json)
{
    double early = r->memory.n ? r->memory.ms[r->memory.n / 3] : 0;
    double late = r->memory.n ? r->memory.ms[r->memory.n - 1] : 0;

    printf(json ? "{\"clients\": %d, \"requests_per_second\": %.6g, \"p50_ms\": %.6g, "
                  "\"p95_ms\": %.6g, \"max_ms\": %.6g, \"health_p99_ms\": %.6g, "
                  "\"memory_mib\": %.6g, \"memory_end_mib\": %.6g, \"statuses\": {"
                : "%-8d %12.2f %10.1f %10.1f %10.1f %10.1f %10.1f %10.1f  ",
           clients, (double)r->answers.n / r->seconds, at(&r->answers, 0.5), at(&r->answers, 0.95),
           at(&r->answers, 1), at(&r->health, 0.99), early, late);
    print_statuses(r, json ? "\"%d\": %lld" : "%d: %lld", ", ");
    puts(json ? "}}" : "");
    fflush(stdout);
}

/* ---- rounds ---- */

static int check_statuses(const struct crowd_result *r, const int *fine, int n_fine, struct err *e)
{
    for (int status = 0; status < CROWD_STATUSES; status++) {
        int i = 0;
        while (i < n_fine && fine[i] != status)
            i++;
        if (i == n_fine && r->by_status[status])
            return status ? err_set(e, ERR_INVALID, "a request was answered with %d", status)
                          : err_set(e, ERR_IO, "a request was not answered");
    }
    return 0;
}

static int run_round(const struct options *o, int clients, const int *fine, int n_fine,
                     struct err *e)
{
    struct crowd_options c = { .url = o->url,
                               .admin_url = *o->admin_url ? o->admin_url : o->url,
                               .body = o->body,
                               .clients = clients,
                               .requests = o->seconds > 0 ? 0 : o->requests,
                               .seconds = o->seconds };
    struct crowd_result result;
    int failed;

    if (crowd_run(&c, &result, e))
        return -1;
    print_result(clients, &result, o->json);
    failed = check_statuses(&result, fine, n_fine, e);
    crowd_release(&result);
    return failed;
}

static int run_rounds(const void *options, struct err *e)
{
    const struct options *o = options;
    int clients[ROUNDS_MAX], fine[ROUNDS_MAX], n, n_fine, failed = 0;

    if (read_numbers(o->clients, "clients", CLIENTS_MAX, clients, &n, e) ||
        read_numbers(o->fine, "fine", CROWD_STATUSES - 1, fine, &n_fine, e))
        return -1;
    if (o->seconds <= 0 && o->requests == 0)
        return err_set(e, ERR_INVALID, "requests and seconds are both 0: it would never end");
    if (o->json)
        printf("{\"url\": \"%s\", \"results\": [\n", o->url);
    else
        print_head();
    for (int i = 0; i < n && !failed; i++) {
        failed = run_round(o, clients[i], fine, n_fine, e);
        if (o->json && i + 1 < n)
            puts(",");
    }
    if (o->json)
        puts("]}");
    return failed;
}

int main(int argc, char **argv)
{
    static const struct program SERVE = { "bench/serve", ROWS, run_rounds };
    struct options o = { 0 };

    return program_main(&SERVE, argc, argv, &o);
}
