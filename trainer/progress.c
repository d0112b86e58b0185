#include "trainer/progress.h"

#include "base/bar.h"
#include "base/clock.h"

void progress_start(struct progress *p, const char *name, int64_t first, int64_t total,
                    int64_t batch)
{
    int64_t now = clock_ns();
    *p = (struct progress){
        .name = name, .total = total, .batch = batch, .rate_ns = now, .rate_step = first
    };
    line_start(&p->line, now);
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
    line_show(&p->line,
              "%s [%s] %lld/%lld  loss %.4f  %.1f pictures/s  %.0f GFLOP/s  ETA %lld:%02lld:%02lld",
              p->name, bar, (long long)done, (long long)p->total, loss, p->pictures_s, p->gflops_s,
              eta / 3600, eta / 60 % 60, eta % 60);
}

void progress_step(struct progress *p, int64_t step, double loss, double flops)
{
    p->flops_since += flops;
    int64_t now = clock_ns(), done = step + 1;
    if (!line_due(&p->line, now) && done != p->total)
        return;
    measure(p, done, now);
    show(p, done, loss);
}

void progress_end(struct progress *p)
{
    line_end(&p->line);
}
