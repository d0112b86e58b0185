#include "server/models_impl.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sysmem.h"

static size_t mib(size_t bytes)
{
    return (bytes + ((size_t)1 << 20) - 1) >> 20;
}

/* ---- one after the other ---- */

static void begin_turn(struct models *m)
{
    pthread_mutex_lock(&m->lock);
    while (m->busy)
        pthread_cond_wait(&m->change, &m->lock);
    m->busy = true;
    pthread_mutex_unlock(&m->lock);
}

static void end_turn(struct models *m)
{
    pthread_mutex_lock(&m->lock);
    m->busy = false;
    pthread_cond_broadcast(&m->change);
    pthread_mutex_unlock(&m->lock);
}

/* ---- room ---- */

static void retire(struct models *m, struct instance *i)
{
    i->retired = m->retired;
    m->retired = i;
}

/* Idle, and used longest ago; never the first. NULL: there is none. */
static struct model *find_idle(struct models *m)
{
    struct model *best = NULL;

    for (int i = 1; i < m->n; i++) {
        struct model *row = &m->rows[i];
        if (row->state != MODEL_READY || atomic_load(&row->instance->holds) > 0)
            continue;
        if (!best || atomic_load(&row->instance->used_ns) < atomic_load(&best->instance->used_ns))
            best = row;
    }
    return best;
}

static bool unload_one(struct models *m)
{
    struct model *row;

    pthread_mutex_lock(&m->lock);
    row = find_idle(m);
    if (row) {
        log_info("models: %s is unloaded to make room", row->info.model);
        retire(m, row->instance);
        row->instance = NULL;
        row->state = MODEL_UNLOADED;
    }
    pthread_mutex_unlock(&m->lock);
    if (row)
        models_tidy(m);
    return row != NULL;
}

static size_t room_left(struct models *m)
{
    size_t taken = models_bytes(m), max = m->o.memory_max;

    if (max == 0)
        return sysmem_available();
    return max > taken ? max - taken : 0;
}

static int make_room(struct models *m, const struct engine_info *info, struct err *e)
{
    size_t needed = engine_bytes(info);

    models_tidy(m);
    while (needed > room_left(m))
        if (!unload_one(m))
            return err_set(e, ERR_NOMEM,
                           "%s does not fit: it takes %zu MiB (weights %zu, caches and activations "
                           "of %d rows %zu); %zu MiB are left of %s, models in use take %zu",
                           info->model, mib(needed), mib(info->weights_bytes), info->rows,
                           mib(info->work_bytes), room_left(m) >> 20,
                           m->o.memory_max ? "memory_max_mib" : "the machine's",
                           mib(models_bytes(m)));
    return 0;
}

/* ---- opening ---- */

struct opening {
    const struct engine_source *source;
    const char *path;
    struct engine *engine;
    struct err err;
    int failed;
};

static void *open_in_thread(void *arg)
{
    struct opening *o = arg;

    o->failed = o->source->open(o->source->ctx, o->path, &o->engine, &o->err);
    return NULL;
}

/* On a thread of its own, which takes its OpenMP threads with it: were they to idle beside those of
 * the device thread, libgomp would count more threads than cores and let every wait sleep. */
static int open_apart(const struct engine_source *source, const char *path,
                      struct engine **ret_engine, struct err *e)
{
    struct opening o = { .source = source, .path = path };
    pthread_t thread;
    int code = pthread_create(&thread, NULL, open_in_thread, &o);

    if (code)
        return err_set(e, ERR_IO, "loading: %s", strerror(code));
    pthread_join(thread, NULL);
    if (o.failed)
        *e = o.err;
    else
        *ret_engine = o.engine;
    return o.failed;
}

static int open_instance(struct models *m, const char *path, struct instance **ret_instance,
                         struct err *e)
{
    struct engine *engine;

    if (open_apart(&m->o.source, path, &engine, e))
        return -1;
    if (instance_new(engine, ret_instance, e)) {
        engine->calls->close(engine);
        return -1;
    }
    pthread_mutex_lock(&m->lock);
    m->bytes += engine_bytes(&engine->info);
    pthread_mutex_unlock(&m->lock);
    return 0;
}

static int warm_up(struct models *m, struct instance *i, struct err *e)
{
    if (m->o.warm_up(m->o.warm_up_arg, i, e) == 0)
        return 0;
    pthread_mutex_lock(&m->lock);
    retire(m, i);
    pthread_mutex_unlock(&m->lock);
    return -1;
}

/* Planned, with room made for it, opened and proved. info: as planned. */
static int load(struct models *m, const char *path, const struct engine_info *info,
                struct instance **ret_instance, struct err *e)
{
    int64_t begin = clock_ns();

    if (make_room(m, info, e) || open_instance(m, path, ret_instance, e) ||
        warm_up(m, *ret_instance, e))
        return -1;
    log_info("models: %s is loaded from %s: %zu MiB, %.1f s", info->model, path,
             mib(engine_bytes(info)), (double)(clock_ns() - begin) / 1e9);
    return 0;
}

/* ---- on demand ---- */

/* The files may be others by now; their name may not. */
static int plan_again(struct models *m, const struct model *row, struct engine_info *info,
                      struct err *e)
{
    if (m->o.source.plan(m->o.source.ctx, row->path, info, e))
        return -1;
    if (strcmp(info->model, row->info.model) != 0)
        return err_set(e, ERR_UNAVAILABLE, "%s holds %s by now; reload", row->path, info->model);
    return 0;
}

/* row: stays where it is while we are busy. */
static void load_row(struct models *m, struct model *row)
{
    struct instance *i = NULL;
    struct engine_info info;
    struct err e;
    int failed = plan_again(m, row, &info, &e) || load(m, row->path, &info, &i, &e);

    if (failed)
        log_error("models: %s: %s", row->info.model, e.msg);
    pthread_mutex_lock(&m->lock);
    if (failed) {
        row->err = e;
        row->failed_ns = clock_ns();
    } else {
        row->instance = i;
        row->info = i->engine->info;
    }
    row->state = failed ? MODEL_FAILED : MODEL_READY;
    models_tell(m);
    pthread_mutex_unlock(&m->lock);
}

/* NULL: there is none, and the thread is not the loader any more. */
static struct model *next_wanted(struct models *m)
{
    struct model *row = NULL;

    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < m->n && !m->stopped && !row; i++)
        if (m->rows[i].state == MODEL_LOADING)
            row = &m->rows[i];
    m->loader = row != NULL;
    pthread_mutex_unlock(&m->lock);
    return row;
}

static void *load_wanted(void *arg)
{
    struct models *m = arg;
    struct model *row;

    begin_turn(m);
    while ((row = next_wanted(m)))
        load_row(m, row);
    end_turn(m);
    return NULL;
}

int models_begin_loading(struct models *m, struct err *e)
{
    pthread_t thread;
    int code;

    if (m->loader)
        return 0;
    code = pthread_create(&thread, NULL, load_wanted, m);
    if (code)
        return err_set(e, ERR_UNAVAILABLE, "loading: %s", strerror(code));
    pthread_detach(thread);
    m->loader = true;
    return 0;
}

/* ---- others than before ---- */

static bool is_same(const struct model *a, const struct model *b)
{
    return a->info.version == b->info.version && strcmp(a->path, b->path) == 0;
}

static void drop_rows(struct models *m, struct model *rows, int n)
{
    for (int i = 0; rows && i < n; i++) {
        if (rows[i].instance)
            retire(m, rows[i].instance);
        mem_free(rows[i].path);
    }
    mem_free(rows);
}

static int plan_row(struct models *m, const struct model *before, const char *path,
                    struct model *row, struct err *e)
{
    row->path = mem_strdup(path);
    if (!row->path)
        return err_set(e, ERR_NOMEM, "models: out of memory");
    if (m->o.source.plan(m->o.source.ctx, path, &row->info, e))
        return -1;
    for (; before < row; before++)
        if (strcmp(before->info.model, row->info.model) == 0)
            return err_set(e, ERR_INVALID, "bundles: %s and %s are both called %s", before->path,
                           path, row->info.model);
    return 0;
}

static int plan_rows(struct models *m, const char *const *paths, int n, struct model *rows,
                     struct err *e)
{
    for (int i = 0; i < n; i++)
        if (plan_row(m, rows, paths[i], &rows[i], e))
            return -1;
    return 0;
}

/* Whether the row is one to be opened now: the first, or one that is loaded, of other files. */
static bool is_due(struct models *m, const struct model *row, bool first)
{
    const struct model *old;
    bool loaded, due;

    pthread_mutex_lock(&m->lock); /* requests set states */
    old = models_find(m, row->info.model);
    loaded = old && old->state == MODEL_READY;
    due = loaded ? !is_same(old, row) : first;
    pthread_mutex_unlock(&m->lock);
    return due;
}

static int load_due(struct models *m, struct model *rows, int n, struct err *e)
{
    for (int i = 0; i < n; i++) {
        if (!is_due(m, &rows[i], i == 0))
            continue;
        if (load(m, rows[i].path, &rows[i].info, &rows[i].instance, e)) {
            rows[i].instance = NULL; /* what has failed to draw is retired already */
            return -1;
        }
        rows[i].state = MODEL_READY;
    }
    return 0;
}

/* What is loaded, or wanted, and not replaced stays so. */
static void adopt(struct models *m, struct model *row)
{
    struct model *old = models_find(m, row->info.model);

    if (!old || row->instance)
        return;
    if (old->state == MODEL_LOADING)
        row->state = MODEL_LOADING;
    if (old->state != MODEL_READY)
        return;
    row->state = MODEL_READY;
    row->instance = old->instance;
    old->instance = NULL;
}

static void replace_rows(struct models *m, struct model *rows, int n)
{
    for (int i = 0; i < n; i++)
        adopt(m, &rows[i]);
    drop_rows(m, m->rows, m->n);
    m->rows = rows;
    m->n = n;
    models_tell(m);
}

static int serve(struct models *m, const char *const *paths, int n, struct err *e)
{
    struct model *rows = mem_alloc((size_t)n, sizeof *rows);
    int failed = rows ? plan_rows(m, paths, n, rows, e) || load_due(m, rows, n, e)
                      : err_set(e, ERR_NOMEM, "models: out of memory");

    pthread_mutex_lock(&m->lock);
    if (failed)
        drop_rows(m, rows, n);
    else
        replace_rows(m, rows, n);
    pthread_mutex_unlock(&m->lock);
    return failed ? -1 : 0;
}

int models_serve(struct models *m, const char *const *paths, int n, struct err *e)
{
    int failed;

    if (n < 1 || n > MODELS_MAX)
        return err_set(e, ERR_INVALID, "bundles: %d are outside 1..%d", n, MODELS_MAX);
    begin_turn(m);
    failed = serve(m, paths, n, e);
    end_turn(m);
    models_tidy(m);
    return failed;
}
