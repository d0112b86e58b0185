/*
 * bench/run: each part of generation and training beside what this machine could do at most.
 *
 *     bench/run --preset coco                     everything, at the sizes of published weights
 *     bench/run --preset emoji --json vqgan       rows whose name contains "vqgan"
 *     bench/run --turns decode_b1_q8              for bench/peers, which has its turns too
 *     bench/run --save DIR                        for bench/load: a bundle of random weights
 *
 * limit: the time that the part's multiplications and additions take at the machine's multiply-add
 * peak or, if that is longer, its weights and caches at its read bandwidth; both are measured
 * before every run; of a GPU, as its own products and copies show them. ratio: how many times as
 * long it took.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"
#include "bench/report.h"
#include "bench/save.h"

/* In the order of BACKENDS. */
enum { CPU, CUDA };
#define BACKENDS "cpu|cuda"
static const char *const BACKEND_NAMES[] = { [CPU] = "cpu", [CUDA] = "cuda" };

struct options {
    int preset, backend, products;
    bool json, turns, sizes;
    char *save;
    int stored;
    int64_t runs, threads;
};

#define PRODUCTS "f32|bf16|f16"
static const enum dtype PRODUCT_TYPES[] = { DTYPE_F32, DTYPE_BF16, DTYPE_F16 };

#define STORED_CHOICES "f32|f16"
static const enum weights_dtype STORED[] = { W_F32, W_F16 };

static const struct conf_row ROWS[] = {
    CONF_ENUM("run", "preset", "coco", PRESET_CHOICES, struct options, preset,
              "sizes: of published weights, or of models/emoji-64"),
    CONF_BOOL("run", "json", "no", struct options, json, "print JSON instead of a table"),
    CONF_BOOL(
        "run", "turns", "no", struct options, turns,
        "one part alone: for every number on standard input run it so often, and say how many "
        "seconds one took"),
    CONF_BOOL("run", "sizes", "no", struct options, sizes,
              "print the preset's sizes as JSON, and measure nothing"),
    CONF_STRING(
        "run", "save", "", 4095, struct options, save,
        "write a bundle of these sizes with random weights into a folder, and measure nothing"),
    CONF_ENUM("run", "stored", "f16", STORED_CHOICES, struct options, stored,
              "format of its weights"),
    CONF_INT("run", "runs", "5", 1, RUNS_MAX, struct options, runs,
             "runs of each part; the median counts"),
    CONF_ENUM("run", "backend", "cpu", BACKENDS, struct options, backend, "device"),
    CONF_ENUM("run", "products", "f32", PRODUCTS, struct options, products,
              "what operands of large products are rounded to, on a GPU"),
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

/* A whole name means that row alone, another word every row that has it in its name. */
static bool named_by(const struct part *part, const char *word)
{
    for (int i = 0; i < N_PARTS; i++)
        if (strcmp(PARTS[i].name, word) == 0)
            return part == &PARTS[i];
    return strstr(part->name, word);
}

static bool wanted(const struct run *r, const struct part *part)
{
    for (int i = 0; i < r->n_only; i++)
        if (named_by(part, r->only[i]))
            return true;
    return r->n_only == 0;
}

static int check_names(const struct run *r, struct err *e)
{
    for (int i = 0; i < r->n_only; i++) {
        int k = 0;
        while (k < N_PARTS && !named_by(&PARTS[k], r->only[i]))
            k++;
        if (k == N_PARTS)
            return err_set(e, ERR_INVALID, "'%.60s' is in no name: bench/run --help lists them",
                           r->only[i]);
    }
    return 0;
}

/* ---- all rows, in turn with the machine ---- */

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

static int run_report(struct run *r, struct err *e)
{
    const char *device = device_describe(r->bench.dev);
    struct device *other = r->options.backend == CPU ? NULL : r->bench.dev;
    if (machine_open(&r->machine, (int)r->options.threads, other, e))
        return -1;
    if (!r->options.json)
        report_head(stdout, device);
    if (measure_all(r, e))
        return -1;
    if (r->options.json)
        report_json(stdout, device, r->machine.threads, r->results, r->n_results);
    return 0;
}

/* ---- one row, in turn with another program ---- */

static int run_turns(struct run *r, struct err *e)
{
    const struct part *only = NULL;
    for (int i = 0; i < N_PARTS; i++) {
        if (!wanted(r, &PARTS[i]))
            continue;
        if (only)
            return err_set(e, ERR_INVALID, "turns: of one row, not of %s and %s", only->name,
                           PARTS[i].name);
        only = &PARTS[i];
    }
    return measure_turns(&r->bench, only, stdin, stdout, e);
}

static int run_all(struct run *r, struct err *e)
{
    if (check_names(r, e) || preset_load((enum preset_name)r->options.preset, &r->preset, e))
        return -1;
    if (r->options.sizes)
        return preset_print(&r->preset, stdout, e);
    r->bench.preset = &r->preset;
    if (device_open(BACKEND_NAMES[r->options.backend], (int)r->options.threads, &r->bench.dev, e) ||
        device_set_products(r->bench.dev, PRODUCT_TYPES[r->options.products], e))
        return -1;
    if (*r->options.save)
        return save_bundle(&r->preset, r->bench.dev, STORED[r->options.stored], r->options.save, e);
    return r->options.turns ? run_turns(r, e) : run_report(r, e);
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
    puts("\nNAME: a row, or all rows whose name contains it");
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
    conf_release(ROWS, &r.options);
    return failed ? 1 : 0;
}
