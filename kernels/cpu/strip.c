#include "kernels/cpu/strip.h"

static struct strip_source around(const struct strip_source *s, struct conv_pad pad)
{
    return (struct strip_source){ NULL, s->batch, s->height + pad.top + pad.bottom,
                                  s->width + pad.left + pad.right, s->n };
}

bool CPU(strip_may_surround)(const struct strip_source *s, struct conv_pad pad)
{
    struct strip_source to = around(s, pad);
    return pad.top >= 0 && pad.left >= 0 && pad.bottom >= 0 && pad.right >= 0 &&
           to.batch * to.height * to.width * to.n <= CPU_SHARED_FLOATS;
}

struct strip_source CPU(strip_surround)(const struct cpu *c, const struct strip_source *s,
                                        struct conv_pad pad)
{
    struct strip_source to = around(s, pad);
    int64_t line = to.width * to.n;

#pragma omp parallel for num_threads(c->threads) schedule(static)
    for (int64_t i = 0; i < to.batch * to.height; i++)
        strip_copy(s, i / to.height, i % to.height - pad.top, -(int64_t)pad.left, 1, to.width,
                   cpu_shared(c) + i * line);
    to.x = cpu_shared(c);
    return to;
}
