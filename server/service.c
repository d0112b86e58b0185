#include "server/service.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"

#define EXTEND_EVERY_NS INT64_C(1000000000)

static void our_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

/* "@name" is a socket in the abstract name space, whose first byte is NUL. */
static int connect_notify(const char *path, int *ret_fd, struct err *e)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    size_t n = strlen(path);
    int fd;

    if (n >= sizeof sa.sun_path)
        return err_set(e, ERR_INVALID, "NOTIFY_SOCKET: %zu bytes are over %zu", n,
                       sizeof sa.sun_path - 1);
    memcpy(sa.sun_path, path, n);
    if (path[0] == '@')
        sa.sun_path[0] = 0;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, "NOTIFY_SOCKET");
    if (connect(fd, (struct sockaddr *)&sa,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n))) {
        err_errno(e, "NOTIFY_SOCKET");
        close(fd);
        return -1;
    }
    *ret_fd = fd;
    return 0;
}

/* systemd kills when nothing came for WATCHDOG_USEC; a third of it survives one late turn. */
static int read_watchdog(int64_t *ret_ns, struct err *e)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t us, for_pid;

    if (!usec)
        return 0;
    if (pid && num_parse_int(pid, "WATCHDOG_PID", 1, INT32_MAX, &for_pid, e))
        return -1;
    if (pid && for_pid != getpid())
        return 0;
    if (num_parse_int(usec, "WATCHDOG_USEC", 1, INT64_MAX / 1000, &us, e))
        return -1;
    *ret_ns = us * 1000 / 3;
    return 0;
}

int service_open(struct service *s, struct err *e)
{
    const char *path = getenv("NOTIFY_SOCKET");
    sigset_t set;

    *s = (struct service){ .fd = -1 };
    signal(SIGPIPE, SIG_IGN);
    our_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (read_watchdog(&s->watchdog_ns, e))
        return -1;
    return path && *path ? connect_notify(path, &s->fd, e) : 0;
}

void service_close(struct service *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

enum service_signal service_wait(struct service *s, int timeout_ms)
{
    struct timespec t = { timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000 };
    sigset_t set;
    int signal;

    (void)s;
    our_signals(&set);
    signal = sigtimedwait(&set, NULL, &t);
    return signal <= 0 ? SERVICE_NONE : signal == SIGHUP ? SERVICE_RELOAD : SERVICE_STOP;
}

static void notify(struct service *s, const char *text)
{
    ssize_t n = s->fd >= 0 ? send(s->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

    (void)n; /* a manager that does not listen is no reason to stop serving */
}

void service_status(struct service *s, const char *fmt, ...)
{
    char text[SERVICE_STATUS_MAX] = "STATUS=";
    size_t n = strlen(text);
    va_list args;

    va_start(args, fmt);
    vsnprintf(text + n, sizeof text - n, fmt, args);
    va_end(args);
    if (strcmp(text, s->said) == 0)
        return;
    memcpy(s->said, text, sizeof s->said);
    notify(s, text);
}

void service_ready(struct service *s)
{
    notify(s, "READY=1");
}

void service_stopping(struct service *s)
{
    notify(s, "STOPPING=1");
}

void service_reloading(struct service *s)
{
    char text[64];
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now); /* newer systemds want it */
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
             (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify(s, text);
}

void service_extend(struct service *s)
{
    int64_t now = clock_ns();

    if (now - s->extended_ns < EXTEND_EVERY_NS)
        return;
    s->extended_ns = now;
    notify(s, "EXTEND_TIMEOUT_USEC=10000000");
}

void service_failed(struct service *s)
{
    notify(s, "WATCHDOG=trigger");
}

void service_ping(struct service *s)
{
    int64_t now = clock_ns();

    if (!s->watchdog_ns || now - s->pinged_ns < s->watchdog_ns)
        return;
    s->pinged_ns = now;
    notify(s, "WATCHDOG=1");
}
