#include "server/listen_impl.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MODE 0660 /* the daemon's user and group; the folder may narrow it down */

static bool is_socket(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A socket that nobody listens at any more is in the way. */
static int remove_dead(const struct sockaddr_un *sa, struct err *e)
{
    int fd, connected;

    if (!is_socket(sa->sun_path))
        return 0;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, sa->sun_path);
    connected = connect(fd, (const struct sockaddr *)sa, sizeof *sa) == 0;
    close(fd);
    if (connected)
        return err_set(e, ERR_IO, "listen: unix:%s: somebody listens there", sa->sun_path);
    unlink(sa->sun_path);
    return 0;
}

static int bind_and_listen(int fd, const struct sockaddr_un *sa, struct err *e)
{
    if (bind(fd, (const struct sockaddr *)sa, sizeof *sa) || chmod(sa->sun_path, MODE) ||
        listen(fd, LISTEN_BACKLOG))
        return err_set(e, ERR_IO, "listen: unix:%s: %s", sa->sun_path, strerror(errno));
    return 0;
}

int listen_unix(const char *path, int *ret_fd, struct err *e)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    size_t n = strlen(path);
    int fd;

    if (*path != '/' || n >= sizeof sa.sun_path)
        return err_set(e, ERR_INVALID,
                       "listen: unix:%.80s: a path from / of at most %zu bytes is "
                       "expected",
                       path, sizeof sa.sun_path - 1);
    memcpy(sa.sun_path, path, n);
    if (remove_dead(&sa, e))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(e, path);
    if (bind_and_listen(fd, &sa, e)) {
        close(fd);
        return -1;
    }
    *ret_fd = fd;
    return 0;
}
