#include "trainer/schedule.h"

#include <math.h>

double schedule_rate(int64_t step, int64_t steps, int64_t warmup, double peak, double end)
{
    if (step < warmup)
        return peak * (double)(step + 1) / (double)warmup;
    if (step >= steps)
        return peak * end;
    double done = (double)(step - warmup) / (double)(steps - warmup);
    return peak * (end + (1 - end) * 0.5 * (1 + cos(acos(-1.0) * done)));
}
