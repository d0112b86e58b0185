#include "server/listen_impl.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"

#define FIRST_FD 3
#define FDS_MAX 64

/* How many sockets there are for this process. */
static int count_passed(int64_t *ret_n, struct err *e)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    int64_t for_pid;

    if (!pid || !fds)
        return err_set(e, ERR_NOT_FOUND, "systemd has handed over no sockets (LISTEN_FDS)");
    if (num_parse_int(pid, "LISTEN_PID", 1, INT32_MAX, &for_pid, e) ||
        num_parse_int(fds, "LISTEN_FDS", 0, FDS_MAX, ret_n, e))
        return -1;
    if (for_pid != getpid())
        return err_set(e, ERR_NOT_FOUND, "the sockets are for process %d (LISTEN_PID)",
                       (int)for_pid);
    return 0;
}

/* "http:admin" -> its i-th word is the name */
static bool is_named(const char *names, int64_t i, const char *name)
{
    size_t n;

    for (; i > 0 && names; i--) {
        names = strchr(names, ':');
        names += names != NULL;
    }
    n = names ? strcspn(names, ":") : 0;
    return n && strlen(name) == n && memcmp(names, name, n) == 0;
}

/* Also what systemd promises is looked at once. */
static int make_ours(int fd, struct err *e)
{
    int listens = 0, flags = fcntl(fd, F_GETFL);
    socklen_t n = sizeof listens;

    if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) || !listens)
        return err_set(e, ERR_INVALID, "file %d is no listening socket", fd);
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
        return err_errno(e, "socket");
    return 0;
}

int listen_systemd(const char *name, int *ret_fd, struct err *e)
{
    const char *names = getenv("LISTEN_FDNAMES");
    int64_t n = 0;

    if (count_passed(&n, e))
        return err_prefix(e, "listen: systemd:%.40s: ", name);
    for (int64_t i = 0; i < n; i++) {
        if (!is_named(names, i, name))
            continue;
        if (make_ours(FIRST_FD + (int)i, e))
            return err_prefix(e, "listen: systemd:%.40s: ", name);
        *ret_fd = FIRST_FD + (int)i;
        return 0;
    }
    return err_set(e, ERR_NOT_FOUND,
                   "listen: systemd:%.40s: none of the %d sockets has this name "
                   "(LISTEN_FDNAMES is '%.80s')",
                   name, (int)n, names ? names : "");
}
