#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t stopped_at = -1; /* negative: the clock runs */

int64_t clock_ns(void)
{
    int64_t stopped = atomic_load_explicit(&stopped_at, memory_order_relaxed);
    struct timespec t;

    if (stopped >= 0)
        return stopped;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_ms(void)
{
    return clock_ns() / 1000000;
}

int64_t clock_unix(void)
{
    return (int64_t)time(NULL);
}

void clock_stop_at(int64_t ns)
{
    atomic_store(&stopped_at, ns);
}
