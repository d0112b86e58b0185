#include "server/models_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define RETRY_NS INT64_C(5000000000) /* a model that could not be loaded is left alone so long */

int models_new(const struct models_options *o, struct models **ret_models, struct err *e)
{
    struct models *m = mem_alloc(1, sizeof *m);

    if (!m)
        return err_set(e, ERR_NOMEM, "models: out of memory");
    m->o = *o;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->change, NULL);
    *ret_models = m;
    return 0;
}

void models_stop(struct models *m)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    m->stopped = true;
    models_tell(m);
    pthread_mutex_unlock(&m->lock);
}

static void wait_for_loader(struct models *m)
{
    pthread_mutex_lock(&m->lock);
    while (m->loader || m->busy)
        pthread_cond_wait(&m->change, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

void models_free(struct models *m)
{
    if (!m)
        return;
    models_stop(m);
    wait_for_loader(m);
    models_tidy(m);
    for (int i = 0; i < m->n; i++) {
        instance_free(m->rows[i].instance);
        mem_free(m->rows[i].path);
    }
    mem_free(m->rows);
    pthread_cond_destroy(&m->change);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

/* ---- under the lock ---- */

struct model *models_find(struct models *m, const char *name)
{
    for (int i = 0; i < m->n; i++)
        if (!*name || strcmp(m->rows[i].info.model, name) == 0)
            return &m->rows[i];
    return NULL;
}

void models_tell(struct models *m)
{
    struct models_waiter *next;

    for (struct models_waiter *w = m->waiters; w; w = next) {
        next = w->next; /* once told, its storage is not ours */
        w->told(w->arg);
    }
    m->waiters = NULL;
    m->n_waiters = 0;
}

/* "a is", or "a, b and c are" */
static void name_all(const struct models *m, char *words, size_t size)
{
    size_t n = 0;

    for (int i = 0; i < m->n && n < size; i++) {
        const char *between = i == 0 ? "" : i == m->n - 1 ? " and " : ", ";
        n += (size_t)snprintf(words + n, size - n, "%s%s", between, m->rows[i].info.model);
    }
    if (n < size)
        snprintf(words + n, size - n, m->n == 1 ? " is" : " are");
}

static int unknown(const struct models *m, const char *name, struct err *e)
{
    char all[128];

    name_all(m, all, sizeof all);
    return err_set(e, ERR_NOT_FOUND, "model: '%s' is not served here; %s", name, all);
}

/* From UNLOADED, or from FAILED after a while, to LOADING. */
static int want(struct models *m, struct model *row, struct err *e)
{
    bool again = row->state == MODEL_FAILED && clock_ns() - row->failed_ns >= RETRY_NS;

    if (row->state == MODEL_FAILED && !again)
        return err_set(e, ERR_UNAVAILABLE, "model: '%s' cannot be loaded: %s", row->info.model,
                       row->err.msg);
    if (row->state == MODEL_UNLOADED || again) {
        if (models_begin_loading(m, e))
            return -1;
        row->state = MODEL_LOADING;
    }
    if (row->state == MODEL_LOADING && m->n_waiters >= m->o.waiters_max)
        return err_set(e, ERR_BUSY, "model: %d requests wait for '%s' and others to be loaded",
                       m->n_waiters, row->info.model);
    return 0;
}

static int get(struct models *m, const char *name, struct instance **ret_instance, struct err *e)
{
    struct model *row = models_find(m, name);

    if (m->stopped)
        return err_set(e, ERR_UNAVAILABLE, "the daemon is shutting down");
    if (!row)
        return unknown(m, name, e);
    if (want(m, row, e))
        return -1;
    *ret_instance = row->state == MODEL_READY ? instance_hold(row->instance) : NULL;
    return 0;
}

/* ---- any thread ---- */

int models_get(struct models *m, const char *name, struct instance **ret_instance, struct err *e)
{
    int failed;

    pthread_mutex_lock(&m->lock);
    failed = get(m, name, ret_instance, e);
    pthread_mutex_unlock(&m->lock);
    return failed;
}

void models_wait(struct models *m, const char *name, struct models_waiter *w)
{
    const struct model *row;

    pthread_mutex_lock(&m->lock);
    row = models_find(m, name);
    if (row && row->state == MODEL_LOADING && !m->stopped) {
        w->models = m;
        w->next = m->waiters;
        m->waiters = w;
        m->n_waiters++;
    } else {
        w->told(w->arg);
    }
    pthread_mutex_unlock(&m->lock);
}

bool models_leave(struct models_waiter *w)
{
    struct models *m = w->models;
    struct models_waiter **link;
    bool was_in;

    if (!m)
        return false;
    pthread_mutex_lock(&m->lock);
    link = &m->waiters;
    while (*link && *link != w)
        link = &(*link)->next;
    was_in = *link != NULL;
    if (was_in) {
        *link = w->next;
        m->n_waiters--;
    }
    pthread_mutex_unlock(&m->lock);
    return was_in;
}

/* Takes those out of the list of the retired that nobody holds. */
static struct instance *take_idle(struct models *m)
{
    struct instance *idle = NULL;

    for (struct instance **link = &m->retired; *link;) {
        struct instance *i = *link;
        if (atomic_load(&i->holds) > 0) {
            link = &i->retired;
            continue;
        }
        *link = i->retired;
        i->retired = idle;
        idle = i;
    }
    return idle;
}

static void count_off(struct models *m, size_t bytes)
{
    pthread_mutex_lock(&m->lock);
    m->bytes -= bytes;
    pthread_mutex_unlock(&m->lock);
}

void models_tidy(struct models *m)
{
    struct instance *idle, *next;

    pthread_mutex_lock(&m->lock);
    idle = take_idle(m);
    pthread_mutex_unlock(&m->lock);
    for (; idle; idle = next) {
        size_t bytes = engine_bytes(&idle->engine->info);
        next = idle->retired;
        instance_free(idle);
        count_off(m, bytes);
    }
}

static struct model_view view_of(const struct model *row)
{
    return (struct model_view){ row->info, row->state, row->err };
}

int models_view(struct models *m, const char *name, struct model_view *ret_view, struct err *e)
{
    const struct model *row;
    int failed;

    pthread_mutex_lock(&m->lock);
    row = models_find(m, name);
    failed = row ? 0 : unknown(m, name, e);
    if (row)
        *ret_view = view_of(row);
    pthread_mutex_unlock(&m->lock);
    return failed;
}

struct engine_info models_first(struct models *m)
{
    struct engine_info info;

    pthread_mutex_lock(&m->lock);
    info = m->rows[0].info;
    pthread_mutex_unlock(&m->lock);
    return info;
}

int models_list(struct models *m, struct model_view ret_views[MODELS_MAX])
{
    int n;

    pthread_mutex_lock(&m->lock);
    n = m->n;
    for (int i = 0; i < n; i++)
        ret_views[i] = view_of(&m->rows[i]);
    pthread_mutex_unlock(&m->lock);
    return n;
}

const char *model_state_name(enum model_state state)
{
    static const char *const NAMES[] = { [MODEL_UNLOADED] = "unloaded",
                                         [MODEL_LOADING] = "loading",
                                         [MODEL_READY] = "ready",
                                         [MODEL_FAILED] = "failed" };

    return NAMES[state];
}

size_t models_bytes(struct models *m)
{
    size_t bytes;

    pthread_mutex_lock(&m->lock);
    bytes = m->bytes;
    pthread_mutex_unlock(&m->lock);
    return bytes;
}

int models_waiting(struct models *m)
{
    int n;

    pthread_mutex_lock(&m->lock);
    n = m->n_waiters;
    pthread_mutex_unlock(&m->lock);
    return n;
}
