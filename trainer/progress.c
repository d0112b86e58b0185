#include "trainer/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/bar.h"
#include "base/clock.h"

#define TERMINAL_NS 250000000LL
#define PLAIN_NS 30000000000LL

void progress_start(struct progress *p, const char *name, int64_t first, int64_t total,
                    int64_t batch)
{
    int64_t now = clock_ns();
    *p = (struct progress){ .name = name,
                            .first = first,
                            .total = total,
                            .batch = batch,
                            .start_ns = now,
                            .shown_ns = now,
                            .rate_ns = now,
                            .rate_step = first,
                            .terminal = isatty(STDERR_FILENO) };
}

static void measure(struct progress *p, int64_t done, int64_t now)
{
    double seconds = (double)(now > p->rate_ns ? now - p->rate_ns : 1) / 1e9;
    p->pictures_s = (double)((done - p->rate_step) * p->batch) / seconds;
    p->gflops_s = p->flops_since / seconds / 1e9;
    p->rate_ns = now;
    p->rate_step = done;
    p->flops_since = 0;
}

static void show(const struct progress *p, int64_t done, double loss)
{
    char bar[BAR_WIDTH + 1];
    bar_draw(done, p->total, bar);
    double seconds_left =
        p->pictures_s > 0 ? (double)((p->total - done) * p->batch) / p->pictures_s : 0;
    long long eta = (long long)seconds_left;
    fprintf(
        stderr,
        "%s%s [%s] %lld/%lld  loss %.4f  %.1f pictures/s  %.0f GFLOP/s  ETA %lld:%02lld:%02lld%s",
        p->terminal ? "\r" : "", p->name, bar, (long long)done, (long long)p->total, loss,
        p->pictures_s, p->gflops_s, eta / 3600, eta / 60 % 60, eta % 60,
        p->terminal ? "\033[K" : "\n");
}

void progress_step(struct progress *p, int64_t step, double loss, double flops)
{
    p->flops_since += flops;
    int64_t now = clock_ns(), done = step + 1;
    bool last = done == p->total;
    if (!last && now - p->shown_ns < (p->terminal ? TERMINAL_NS : PLAIN_NS))
        return;
    p->shown_ns = now;
    measure(p, done, now);
    show(p, done, loss);
}

void progress_end(struct progress *p)
{
    if (p->terminal)
        fputc('\n', stderr);
}
