/*
 * bench/run: each part of generation and training beside what this machine could do at most.
 *
 *     bench/run --preset coco                     everything, at the sizes of published weights
 *     bench/run --preset emoji --json vqgan       rows whose name contains "vqgan"
 *
 * limit: the time that the part's multiplications and additions take at the machine's multiply-add
 * peak or, if that is longer, its weights and caches at its read bandwidth; both are measured
 * before every run. ratio: how many times as long it took.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "bench/report.h"

struct options {
    int preset;
    bool json;
    int64_t runs, threads;
};

static const struct conf_row ROWS[] = {
    CONF_ENUM("run", "preset", "coco", PRESET_CHOICES, struct options, preset,
              "sizes: of published weights, or of models/emoji-64"),
    CONF_BOOL("run", "json", "no", struct options, json, "print JSON instead of a table"),
    CONF_INT("run", "runs", "5", 1, RUNS_MAX, struct options, runs,
             "runs of each part; the median counts"),
    CONF_INT("run", "threads", "0", 0, 256, struct options, threads,
             "CPU threads, of the parts and of the machine's peaks; 0: as many as there are cores"),
    CONF_END,
};

struct run {
    struct options options;
    char **only; /* names, or parts of names */
    int n_only;
    struct preset preset;
    struct bench bench;
    struct machine machine;
    struct result results[PARTS_MAX];
    int n_results;
};

static bool wanted(const struct run *r, const struct part *part)
{
    for (int i = 0; i < r->n_only; i++)
        if (strstr(part->name, r->only[i]))
            return true;
    return r->n_only == 0;
}

static int check_names(const struct run *r, struct err *e)
{
    for (int i = 0; i < r->n_only; i++) {
        int k = 0;
        while (k < N_PARTS && !strstr(PARTS[k].name, r->only[i]))
            k++;
        if (k == N_PARTS)
            return err_set(e, ERR_INVALID, "'%.60s' is in no name: bench/run --help lists them",
                           r->only[i]);
    }
    return 0;
}

static int measure_all(struct run *r, struct err *e)
{
    for (int i = 0; i < N_PARTS; i++) {
        struct result *result = &r->results[r->n_results];
        if (!wanted(r, &PARTS[i]))
            continue;
        if (measure_part(&r->bench, &PARTS[i], &r->machine, (int)r->options.runs, result, e))
            return -1;
        r->n_results++;
        if (!r->options.json)
            report_row(stdout, result);
    }
    return 0;
}

static int open_all(struct run *r, struct err *e)
{
    if (preset_load((enum preset_name)r->options.preset, &r->preset, e) ||
        device_open("cpu", (int)r->options.threads, &r->bench.dev, e))
        return -1;
    r->bench.preset = &r->preset;
    return machine_open(&r->machine, (int)r->options.threads, e);
}

static int run_all(struct run *r, struct err *e)
{
    if (check_names(r, e) || open_all(r, e))
        return -1;
    const char *machine = device_describe(r->bench.dev);
    if (!r->options.json)
        report_head(stdout, machine);
    if (measure_all(r, e))
        return -1;
    if (r->options.json)
        report_json(stdout, machine, r->machine.threads, r->results, r->n_results);
    return 0;
}

static void close_all(struct run *r)
{
    machine_close(&r->machine);
    bundle_close(r->bench.bundle);
    device_close(r->bench.dev);
}

static void help(void)
{
    puts("Usage: bench/run [--preset coco|emoji] [--json] [NAME...]\n");
    conf_help(ROWS, stdout);
    puts("\nNAME: rows whose name contains it");
    for (int i = 0; i < N_PARTS; i++)
        printf("  %-15s %s\n", PARTS[i].name, PARTS[i].what);
}

static int read_arguments(struct run *r, int argc, char **argv, struct err *e)
{
    int rest;
    if (conf_defaults(ROWS, &r->options, e) ||
        conf_args(ROWS, &r->options, argc, argv, NULL, &rest, e))
        return -1;
    if (r->options.threads == 0)
        r->options.threads = sysconf(_SC_NPROCESSORS_ONLN);
    r->only = argv + rest;
    r->n_only = argc - rest;
    return 0;
}

int main(int argc, char **argv)
{
    struct run r = { 0 };
    struct err e = { 0 };
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        help();
        return 0;
    }
    int failed = read_arguments(&r, argc, argv, &e) || run_all(&r, &e);
    if (failed)
        fprintf(stderr, "bench/run: %s\n", e.msg);
    close_all(&r);
    return failed ? 1 : 0;
}
