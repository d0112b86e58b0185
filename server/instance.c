#include "server/instance.h"

#include "base/clock.h"
#include "base/mem.h"

int instance_new(struct engine *engine, struct instance **ret_instance, struct err *e)
{
    struct gen_settings usual = { .guidance = engine->info.sampling.guidance };
    struct instance *i = mem_alloc(1, sizeof *i);

    if (!i)
        return err_set(e, ERR_NOMEM, "instance: out of memory");
    i->engine = engine;
    i->slots = engine->info.rows / engine->calls->rows_needed(engine, &usual);
    i->rows.id = LINE_ROWS;
    atomic_store(&i->used_ns, clock_ns());
    *ret_instance = i;
    return 0;
}

void instance_free(struct instance *i)
{
    if (!i)
        return;
    i->engine->calls->close(i->engine);
    mem_free(i);
}

struct instance *instance_hold(struct instance *i)
{
    atomic_fetch_add(&i->holds, 1);
    return i;
}

void instance_drop(struct instance *i)
{
    if (!i)
        return;
    atomic_store(&i->used_ns, clock_ns());
    atomic_fetch_sub(&i->holds, 1);
}
