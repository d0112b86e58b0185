#include "bench/report.h"

/* ---- table ---- */

void report_head(FILE *out, const char *machine)
{
    fprintf(out, "%s\n%-15s %11s %11s %6s %6s %6s   %8s %6s\n", machine, "", "seconds", "limit",
            "ratio", "best", "cpu", "GFLOP/s", "GB/s");
    fflush(out);
}

void report_row(FILE *out, const struct result *r)
{
    fprintf(out, "%-15s %11.6f %11.6f %6.2f %6.2f %6.2f   %8.1f %6.1f  %s\n", r->part->name,
            r->seconds, r->limit_seconds, r->seconds / r->limit_seconds,
            r->min_seconds / r->limit_seconds, r->cpu_seconds / r->threads / r->limit_seconds,
            r->rates.fma_gflops, r->rates.read_gbps, r->part->what);
    for (int i = 0; r->stage[0].name && i < r->n_stages; i++) {
        const struct stage_result *s = &r->stage[i];
        fprintf(out, "  %-13s %11.6f %11.6f %6.2f %5.1f %%\n", s->name, s->seconds,
                s->limit_seconds, s->seconds / s->limit_seconds, 100 * s->seconds / r->seconds);
    }
    fflush(out);
}

/* ---- JSON: names and texts are ours and need no escaping ---- */

/* Of one figure of all rows. */
static double median_of(const struct result *r, int n, double (*figure)(const struct rates *))
{
    double values[PARTS_MAX];
    for (int i = 0; i < n; i++)
        values[i] = figure(&r[i].rates);
    return n ? measure_median(values, n) : 0;
}

static double fma_of(const struct rates *r)
{
    return r->fma_gflops;
}

static double read_of(const struct rates *r)
{
    return r->read_gbps;
}

static void json_stage(FILE *out, const struct stage_result *s, double all)
{
    fprintf(out,
            "{\"name\": \"%s\", \"seconds\": %.9g, \"limit_seconds\": %.9g, \"ratio\": %.9g, "
            "\"share\": %.9g}",
            s->name, s->seconds, s->limit_seconds, s->seconds / s->limit_seconds, s->seconds / all);
}

static void json_result(FILE *out, const struct result *r)
{
    struct work w = { 0 };
    for (int i = 0; i < r->n_stages; i++) {
        w.flops += r->stage[i].work.flops;
        w.weight_bytes += r->stage[i].work.weight_bytes;
        w.cache_bytes += r->stage[i].work.cache_bytes;
    }
    fprintf(out,
            "  {\"name\": \"%s\", \"what\": \"%s\", \"seconds\": %.9g, \"limit_seconds\": %.9g, "
            "\"ratio\": %.9g, \"min_seconds\": %.9g, \"cpu_seconds\": %.9g, \"runs\": %d, "
            "\"repeats\": %d, "
            "\"flops\": %.9g, \"weight_bytes\": %.9g, \"cache_bytes\": %.9g, "
            "\"fma_gflops\": %.9g, \"read_gbps\": %.9g",
            r->part->name, r->part->what, r->seconds, r->limit_seconds,
            r->seconds / r->limit_seconds, r->min_seconds, r->cpu_seconds, r->runs, r->repeats,
            w.flops, w.weight_bytes, w.cache_bytes, r->rates.fma_gflops, r->rates.read_gbps);
    for (int i = 0; r->stage[0].name && i < r->n_stages; i++) {
        fputs(i ? ", " : ", \"stages\": [", out);
        json_stage(out, &r->stage[i], r->seconds);
    }
    fputs(r->stage[0].name ? "]}" : "}", out);
}

void report_json(FILE *out, const char *machine, int threads, const struct result *r, int n)
{
    fprintf(out,
            "{\"machine\": {\"fma_gflops\": %.9g, \"read_gbps\": %.9g, \"cpu\": \"%s\", "
            "\"threads\": %d},\n \"results\": [",
            median_of(r, n, fma_of), median_of(r, n, read_of), machine, threads);
    for (int i = 0; i < n; i++) {
        fputs(i ? ",\n" : "\n", out);
        json_result(out, &r[i]);
    }
    fputs("\n ]}\n", out);
}
