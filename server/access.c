#include "server/access.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/route.h"

static double ms(int64_t ns)
{
    return (double)ns / 1e6;
}

void access_log(const struct exchange *x, int status)
{
    static const struct job_times NONE = { 0 };
    bool over = x->job && job_over(x->job);
    const struct job_times *t = over ? &x->job->times : &NONE;
    int images = over && status == 200 ? x->job->n_pictures : 0;
    void (*say)(const char *fmt, ...) = x->route && x->route->probe ? log_debug : log_info;

    say("access: id=%s method=%s path=%.100s status=%d images=%d queue=%.1f encode=%.1f "
        "decode=%.1f pixels=%.1f png=%.1f total=%.1f",
        x->id, x->method ? x->method : "-", x->path ? x->path : "-", status, images, ms(t->queue),
        ms(t->encode), ms(t->decode), ms(t->pixels), ms(x->encode_ns),
        ms(clock_ns() - x->arrived_ns));
}
