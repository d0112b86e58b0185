#include "bench/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"

#define RUN_SECONDS 0.05 /* least; shorter parts are repeated */
#define LONG_SECONDS 2
#define REPEATS_MAX 10000

/* One row a quantity, so that a median takes a row. */
struct series {
    double seconds[RUNS_MAX], cpu[RUNS_MAX], fma[RUNS_MAX], read[RUNS_MAX],
        stage[STAGES_MAX][RUNS_MAX];
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double measure_median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_size);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

double measure_limit(const struct work *w, const struct rates *r)
{
    double reading = (w->weight_bytes + w->cache_bytes) / (r->read_gbps * 1e9);
    return fmax(reading, w->flops / (r->fma_gflops * 1e9));
}

/* Of all threads of this process. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int run_once(struct bench *b, int repeats, double *ret_seconds, double *ret_cpu,
                    struct err *e)
{
    double cpu = cpu_seconds();
    for (int i = 0; i < STAGES_MAX; i++)
        b->stage_seconds[i] = 0;
    int64_t start = clock_ns();
    for (int i = 0; i < repeats; i++)
        if (b->part->kind->run(b, e))
            return -1;
    *ret_seconds = (double)(clock_ns() - start) * 1e-9 / repeats;
    *ret_cpu = (cpu_seconds() - cpu) / repeats;
    return 0;
}

/* A probe and a run. */
static int take_turn(struct bench *b, struct machine *m, int repeats, struct series *s, int i,
                     struct err *e)
{
    struct rates rates;
    if (machine_probe(m, &rates, e))
        return -1;
    s->fma[i] = rates.fma_gflops;
    s->read[i] = rates.read_gbps;
    if (run_once(b, repeats, &s->seconds[i], &s->cpu[i], e))
        return -1;
    for (int k = 0; k < STAGES_MAX; k++)
        s->stage[k][i] = b->stage_seconds[k] / repeats;
    return 0;
}

static void summarise(const struct bench *b, struct series *s, struct result *r)
{
    struct work work[STAGES_MAX];
    b->part->kind->work(b, work);
    r->rates.fma_gflops = measure_median(s->fma, r->runs);
    r->rates.read_gbps = measure_median(s->read, r->runs);
    r->seconds = measure_median(s->seconds, r->runs);
    r->min_seconds = s->seconds[0];
    measure_median(s->cpu, r->runs);
    r->cpu_seconds = s->cpu[0];
    for (int i = 0; i < r->n_stages; i++) {
        struct stage_result *stage = &r->stage[i];
        *stage = (struct stage_result){
            .name = b->part->kind->stage[i],
            .work = work[i],
            .limit_seconds = measure_limit(&work[i], &r->rates),
        };
        stage->seconds = stage->name ? measure_median(s->stage[i], r->runs) : r->seconds;
        r->limit_seconds += stage->limit_seconds;
    }
}

static int count_stages(const struct part_kind *k)
{
    int n = 0;
    while (n < STAGES_MAX && k->stage[n])
        n++;
    return n ? n : 1;
}

/* The first run tells how long one takes. It counts if that is so long that caches do not matter.
 */
static int measure_open(struct bench *b, struct machine *m, struct result *r, struct err *e)
{
    struct series s;
    if (take_turn(b, m, 1, &s, 0, e))
        return -1;
    r->repeats = (int)fmin(ceil(RUN_SECONDS / fmax(s.seconds[0], 1e-9)), REPEATS_MAX);
    for (int i = s.seconds[0] > LONG_SECONDS; i < r->runs; i++)
        if (take_turn(b, m, r->repeats, &s, i, e))
            return -1;
    summarise(b, &s, r);
    return 0;
}

int measure_part(struct bench *b, const struct part *part, struct machine *m, int runs,
                 struct result *ret_result, struct err *e)
{
    struct result r = {
        .part = part, .threads = m->threads, .runs = runs, .n_stages = count_stages(part->kind)
    };
    b->part = part;
    int failed = part->kind->open(b, e) || measure_open(b, m, &r, e);
    part->kind->close(b);
    if (failed)
        return err_prefix(e, "%s: ", part->name);
    *ret_result = r;
    return 0;
}

/* The next line; 0 at the end of `in`. */
static int read_repeats(FILE *in, int64_t *ret_repeats, struct err *e)
{
    char line[32];
    *ret_repeats = 0;
    if (!fgets(line, sizeof line, in))
        return 0;
    line[strcspn(line, "\n")] = '\0';
    return num_parse_int(line, "repeats", 1, REPEATS_MAX, ret_repeats, e);
}

static int take_turns(struct bench *b, FILE *in, FILE *out, struct err *e)
{
    double seconds, cpu;
    int64_t repeats;
    if (run_once(b, 1, &seconds, &cpu, e))
        return -1;
    fputs("ready\n", out);
    for (;;) {
        fflush(out);
        if (read_repeats(in, &repeats, e))
            return -1;
        if (repeats == 0)
            return 0;
        if (run_once(b, (int)repeats, &seconds, &cpu, e))
            return -1;
        fprintf(out, "%.9g\n", seconds);
    }
}

int measure_turns(struct bench *b, const struct part *part, FILE *in, FILE *out, struct err *e)
{
    b->part = part;
    int failed = part->kind->open(b, e) || take_turns(b, in, out, e);
    part->kind->close(b);
    return failed ? err_prefix(e, "%s: ", part->name) : 0;
}
