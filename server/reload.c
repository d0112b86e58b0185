#include "server/reload.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

struct reload {
    struct reload_parts parts;
    pthread_mutex_t lock; /* guards every field below */
    pthread_cond_t change;
    bool wanted, running, stopped;
    struct reload_waiter *asked, *served; /* for the next one; for the one that runs */
};

int reload_new(const struct reload_parts *parts, struct reload **ret_reload, struct err *e)
{
    struct reload *r = mem_alloc(1, sizeof *r);

    if (!r)
        return err_set(e, ERR_NOMEM, "reload: out of memory");
    r->parts = *parts;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->change, NULL);
    *ret_reload = r;
    return 0;
}

/* Under the lock. */
static void tell(struct reload_waiter **list, const struct err *err)
{
    struct reload_waiter *next;

    for (struct reload_waiter *w = *list; w; w = next) {
        next = w->next; /* once told, its storage is not ours */
        w->err = *err;
        w->told(w->arg);
    }
    *list = NULL;
}

void reload_stop(struct reload *r)
{
    const struct err stopping = { ERR_UNAVAILABLE, "the daemon is shutting down" };

    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopped = true;
    r->wanted = false;
    tell(&r->asked, &stopping);
    tell(&r->served, &stopping);
    pthread_mutex_unlock(&r->lock);
}

void reload_free(struct reload *r)
{
    if (!r)
        return;
    reload_stop(r);
    pthread_mutex_lock(&r->lock);
    while (r->running)
        pthread_cond_wait(&r->change, &r->lock);
    pthread_mutex_unlock(&r->lock);
    pthread_cond_destroy(&r->change);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

/* ---- one ---- */

static int serve_bundles(const struct reload_parts *p, const struct config *fresh, struct err *e)
{
    struct config_paths paths;
    int failed;

    if (config_bundles(fresh, &paths, e))
        return -1;
    failed = models_serve(p->models, (const char *const *)paths.path, paths.n, e);
    config_paths_release(&paths);
    return failed;
}

static int apply(const struct reload_parts *p, const struct config *fresh, struct err *e)
{
    if (serve_bundles(p, fresh, e))
        return err_prefix(e, "nothing is changed: ");
    log_set_level((enum log_level)fresh->log_level);
    if (p->keys && keys_reload(p->keys, e))
        return err_prefix(e, "the API keys stay as they were: ");
    if (p->tls && tls_reload(p->tls, e))
        return err_prefix(e, "the certificate stays as it was: ");
    return 0;
}

static int run(const struct reload_parts *p, struct err *e)
{
    const struct config_source *from = p->source;
    struct config fresh;
    int failed;

    if (config_read(from->argc, from->argv, from->path, &fresh, e))
        return err_prefix(e, "nothing is changed: ");
    failed = apply(p, &fresh, e);
    config_release(&fresh);
    return failed;
}

/* ---- all of them ---- */

/* False: there is nothing more to do, and the thread is not ours any more. */
static bool begin(struct reload *r)
{
    bool wanted;

    pthread_mutex_lock(&r->lock);
    wanted = r->running = r->wanted;
    r->wanted = false;
    r->served = r->asked;
    r->asked = NULL;
    if (!wanted)
        pthread_cond_broadcast(&r->change);
    pthread_mutex_unlock(&r->lock);
    return wanted;
}

static void *reload_loop(void *arg)
{
    struct reload *r = arg;

    while (begin(r)) {
        struct err e = { .code = ERR_NONE };
        if (run(&r->parts, &e))
            log_error("reload: %s", e.msg);
        else
            log_info("reload: bundles, log_level, API keys and certificate are read again; other "
                     "keys count at the next start");
        pthread_mutex_lock(&r->lock);
        tell(&r->served, &e);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

/* Under the lock. */
static void start(struct reload *r)
{
    pthread_t thread;
    int code = pthread_create(&thread, NULL, reload_loop, r);
    struct err e;

    if (code) {
        err_set(&e, ERR_UNAVAILABLE, "no thread: %s", strerror(code));
        log_error("reload: %s", e.msg);
        r->wanted = false;
        tell(&r->asked, &e);
        return;
    }
    pthread_detach(thread);
    r->running = true;
}

void reload_ask(struct reload *r, struct reload_waiter *w)
{
    const struct err stopping = { ERR_UNAVAILABLE, "the daemon is shutting down" };

    pthread_mutex_lock(&r->lock);
    if (w) {
        w->reload = r;
        w->next = r->asked;
        r->asked = w;
    }
    r->wanted = !r->stopped;
    if (r->stopped)
        tell(&r->asked, &stopping);
    else if (!r->running)
        start(r);
    pthread_mutex_unlock(&r->lock);
}

static bool take_out(struct reload_waiter **link, const struct reload_waiter *w)
{
    while (*link && *link != w)
        link = &(*link)->next;
    if (!*link)
        return false;
    *link = w->next;
    return true;
}

bool reload_leave(struct reload_waiter *w)
{
    struct reload *r = w->reload;
    bool was_in;

    pthread_mutex_lock(&r->lock);
    was_in = take_out(&r->asked, w) || take_out(&r->served, w);
    pthread_mutex_unlock(&r->lock);
    return was_in;
}

bool reload_running(struct reload *r)
{
    bool running;

    pthread_mutex_lock(&r->lock);
    running = r->running;
    pthread_mutex_unlock(&r->lock);
    return running;
}
