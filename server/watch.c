#include "server/watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define TICK_MS 100 /* how late a deadline may strike */

struct watched {
    int fd;
    int64_t deadline_ns;
    void (*gone)(void *arg); /* NULL: not armed */
    void *arg;
    void (*beat)(void *arg); /* NULL: none */
    void *beat_arg;
    int64_t beat_ns, beat_every_ns;
    struct watched *next, **link;
};

struct watch {
    pthread_mutex_t lock; /* guards every field of watch and watched below */
    struct watched *first;
    int n;
    bool stop;
    short events;
    int wake_fd; /* eventfd: the set of armed sockets has changed */
    pthread_t thread;
    struct pollfd *polled; /* the thread's own; [0] is wake_fd */
    int n_polled, cap_polled;
};

static void wake(struct watch *w)
{
    uint64_t one = 1;
    ssize_t n = write(w->wake_fd, &one, sizeof one);

    (void)n; /* full means that it is awake already */
}

/* ---- the thread ---- */

static int reserve_polled(struct watch *w, int n)
{
    struct pollfd *grown;

    if (n <= w->cap_polled)
        return 0;
    grown = mem_resize(w->polled, (size_t)n * 2, sizeof *grown);
    if (!grown)
        return -1;
    w->polled = grown;
    w->cap_polled = n * 2;
    return 0;
}

/* Without memory for all sockets it watches as many as fit, and tries again next time. */
static void collect(struct watch *w)
{
    reserve_polled(w, w->n + 1);
    w->polled[0] = (struct pollfd){ .fd = w->wake_fd, .events = POLLIN };
    w->n_polled = 1;
    for (struct watched *s = w->first; s && w->n_polled < w->cap_polled; s = s->next)
        if (s->gone)
            w->polled[w->n_polled++] = (struct pollfd){ .fd = s->fd, .events = w->events };
}

/* Asked again under the lock: since the poll the number may have become another client's. */
static bool is_gone(const struct watch *w, int fd)
{
    struct pollfd p = { .fd = fd, .events = w->events };

    return poll(&p, 1, 0) == 1 && (p.revents & (w->events | POLLHUP | POLLERR));
}

static void tell_gone(struct watch *w, int fd)
{
    for (struct watched *s = w->first; s; s = s->next) {
        if (s->fd == fd && s->gone && is_gone(w, fd)) {
            s->gone(s->arg);
            s->gone = NULL;
            return;
        }
    }
}

static void tell_all_gone(struct watch *w)
{
    for (int i = 1; i < w->n_polled; i++)
        if (w->polled[i].revents)
            tell_gone(w, w->polled[i].fd);
}

static void beat_all(struct watch *w)
{
    int64_t now = clock_ns();

    for (struct watched *s = w->first; s; s = s->next) {
        if (s->beat && now >= s->beat_ns) {
            s->beat_ns = now + s->beat_every_ns;
            s->beat(s->beat_arg);
        }
    }
}

static void enforce_deadlines(struct watch *w)
{
    int64_t now = clock_ns();

    for (struct watched *s = w->first; s; s = s->next) {
        if (s->deadline_ns && now >= s->deadline_ns) {
            shutdown(s->fd, SHUT_RDWR); /* the server reads the end and closes it */
            s->deadline_ns = 0;
        }
    }
}

static void drain_wake(const struct watch *w)
{
    uint64_t n;
    ssize_t got = read(w->wake_fd, &n, sizeof n);

    (void)got; /* non-blocking: nothing to read is fine */
}

static void *watch_loop(void *arg)
{
    struct watch *w = arg;

    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        int timeout_ms = w->first ? TICK_MS : -1;
        collect(w);
        pthread_mutex_unlock(&w->lock);
        poll(w->polled, (nfds_t)w->n_polled, timeout_ms);
        drain_wake(w);
        pthread_mutex_lock(&w->lock);
        tell_all_gone(w);
        enforce_deadlines(w);
        beat_all(w);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- from outside ---- */

int watch_open(bool half_close_is_gone, struct watch **ret_watch, struct err *e)
{
    struct watch *w = mem_alloc(1, sizeof *w);
    int code;

    if (!w || reserve_polled(w, 16)) {
        mem_free(w);
        return err_set(e, ERR_NOMEM, "watch: out of memory");
    }
    pthread_mutex_init(&w->lock, NULL);
    w->events = half_close_is_gone ? POLLRDHUP : 0; /* POLLHUP and POLLERR always come */
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    code = w->wake_fd < 0 ? errno : pthread_create(&w->thread, NULL, watch_loop, w);
    if (code) {
        if (w->wake_fd >= 0)
            close(w->wake_fd);
        mem_free(w->polled);
        mem_free(w);
        return err_set(e, ERR_IO, "watch: %s", strerror(code));
    }
    *ret_watch = w;
    return 0;
}

void watch_close(struct watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_mutex_unlock(&w->lock);
    wake(w);
    pthread_join(w->thread, NULL);
    close(w->wake_fd);
    pthread_mutex_destroy(&w->lock);
    mem_free(w->polled);
    mem_free(w);
}

struct watched *watch_add(struct watch *w, int fd)
{
    struct watched *s = mem_alloc(1, sizeof *s);
    bool asleep;

    if (!s)
        return NULL;
    s->fd = fd;
    pthread_mutex_lock(&w->lock);
    asleep = !w->first;
    s->next = w->first;
    s->link = &w->first;
    if (s->next)
        s->next->link = &s->next;
    w->first = s;
    w->n++;
    pthread_mutex_unlock(&w->lock);
    if (asleep)
        wake(w);
    return s;
}

void watch_remove(struct watch *w, struct watched *s)
{
    pthread_mutex_lock(&w->lock);
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    w->n--;
    pthread_mutex_unlock(&w->lock);
    mem_free(s);
}

void watch_deadline(struct watch *w, struct watched *s, int64_t deadline_ns)
{
    pthread_mutex_lock(&w->lock);
    s->deadline_ns = deadline_ns;
    pthread_mutex_unlock(&w->lock);
}

void watch_arm(struct watch *w, struct watched *s, void (*gone)(void *arg), void *arg)
{
    pthread_mutex_lock(&w->lock);
    s->gone = gone;
    s->arg = arg;
    pthread_mutex_unlock(&w->lock);
    wake(w);
}

void watch_beat(struct watch *w, struct watched *s, int64_t every_ns, void (*beat)(void *arg),
                void *arg)
{
    pthread_mutex_lock(&w->lock);
    s->beat = beat;
    s->beat_arg = arg;
    s->beat_every_ns = every_ns;
    s->beat_ns = clock_ns() + every_ns;
    pthread_mutex_unlock(&w->lock);
}

void watch_disarm(struct watch *w, struct watched *s)
{
    pthread_mutex_lock(&w->lock);
    s->gone = NULL;
    s->beat = NULL;
    pthread_mutex_unlock(&w->lock);
}

int watch_count(struct watch *w)
{
    int n;

    pthread_mutex_lock(&w->lock);
    n = w->n;
    pthread_mutex_unlock(&w->lock);
    return n;
}
