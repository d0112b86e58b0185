#include "base/bar.h"

#include "base/clock.h"

void bar_draw(int64_t done, int64_t total, char ret[BAR_WIDTH + 1])
{
    int full = total > 0 ? (int)(BAR_WIDTH * (double)done / (double)total) : BAR_WIDTH;

    for (int i = 0; i < BAR_WIDTH; i++)
        ret[i] = i < full ? '=' : i == full ? '>' : ' ';
    ret[BAR_WIDTH] = '\0';
}

void bar_start(struct bar *b, const char *name, int64_t total, const char *unit, double scale)
{
    int64_t now = clock_ns();

    *b =
        (struct bar){ .name = name, .unit = unit, .scale = scale, .total = total, .start_ns = now };
    line_start(&b->line, now);
}

static void show(const struct bar *b, int64_t now)
{
    double seconds = (double)(now - b->start_ns) / 1e9;
    double rate = seconds > 0 ? (double)b->done * b->scale / seconds : 0;
    long long eta = rate > 0 ? (long long)((double)(b->total - b->done) * b->scale / rate) : 0;
    char text[BAR_WIDTH + 1];

    bar_draw(b->done, b->total, text);
    line_show(&b->line, "%s [%s] %.0f/%.0f %s  %.0f %s/s  ETA %lld:%02lld", b->name, text,
              (double)b->done * b->scale, (double)b->total * b->scale, b->unit, rate, b->unit,
              eta / 60, eta % 60);
}

void bar_step(struct bar *b, int64_t more)
{
    int64_t now = clock_ns();

    b->done += more;
    if (line_due(&b->line, now))
        show(b, now);
}

void bar_end(struct bar *b)
{
    if (b->line.terminal)
        show(b, clock_ns());
    line_end(&b->line);
}
