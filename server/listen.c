#include "server/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"
#include "server/listen_impl.h"

#define HOST_MAX 256
#define UNIX "unix:"
#define SYSTEMD "systemd:"

struct address {
    char host[HOST_MAX]; /* empty: every address */
    const char *port;
};

/* host is a name, an IPv4 address, an IPv6 address in brackets, or "*". */
static int split(const char *text, struct address *a, struct err *e)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    int64_t port;

    if (!colon || n >= HOST_MAX)
        return err_set(e, ERR_INVALID, "listen: '%.100s' is not address:port", text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    memcpy(a->host, text, n);
    a->host[n] = 0;
    if (strcmp(a->host, "*") == 0)
        a->host[0] = 0;
    a->port = colon + 1;
    return num_parse_int(a->port, "listen: port", 0, 65535, &port, e);
}

static int bind_one(const struct addrinfo *ai)
{
    int on = 1, off = 0;
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* or a restart waits for TIME_WAIT */
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off); /* "::" is IPv4's "*" too */
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, LISTEN_BACKLOG)) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static int open_family(const char *text, const struct address *a, int family, int *ret_fd,
                       struct err *e)
{
    struct addrinfo hints = { .ai_family = family,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE };
    struct addrinfo *found;
    int code = getaddrinfo(*a->host ? a->host : NULL, a->port, &hints, &found), fd;

    if (code)
        return err_set(e, ERR_INVALID, "listen: %.100s: %s", text, gai_strerror(code));
    fd = bind_one(found);
    code = errno;
    freeaddrinfo(found);
    if (fd < 0)
        return err_set(e, ERR_IO, "listen: %.100s: %s", text, strerror(code));
    *ret_fd = fd;
    return 0;
}

static int listen_tcp(const char *address, int *ret_fd, struct err *e)
{
    struct address a;

    if (split(address, &a, e))
        return -1;
    if (!*a.host && !open_family(address, &a, AF_INET6, ret_fd, NULL)) /* if there is IPv6 */
        return 0;
    return open_family(address, &a, AF_UNSPEC, ret_fd, e);
}

int listen_open(const char *address, int *ret_fd, struct err *e)
{
    if (strncmp(address, UNIX, strlen(UNIX)) == 0)
        return listen_unix(address + strlen(UNIX), ret_fd, e);
    if (strncmp(address, SYSTEMD, strlen(SYSTEMD)) == 0)
        return listen_systemd(address + strlen(SYSTEMD), ret_fd, e);
    return listen_tcp(address, ret_fd, e);
}

void listen_forget(const char *address)
{
    if (strncmp(address, UNIX, strlen(UNIX)) == 0)
        unlink(address + strlen(UNIX));
}

static void name_inet(const struct sockaddr *sa, socklen_t n, const char *scheme,
                      char ret_name[LISTEN_NAME_MAX])
{
    char host[64] = "?", port[8] = "?";

    getnameinfo(sa, n, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(ret_name, LISTEN_NAME_MAX, strchr(host, ':') ? "%s://[%s]:%s" : "%s://%s:%s", scheme,
             host, port);
}

void listen_name(int fd, const char *scheme, char ret_name[LISTEN_NAME_MAX])
{
    union {
        struct sockaddr sa;
        struct sockaddr_un un;
        struct sockaddr_storage any;
    } address = { .any = { 0 } };
    socklen_t n = sizeof address;

    if (getsockname(fd, &address.sa, &n) == 0 && address.sa.sa_family == AF_UNIX)
        snprintf(ret_name, LISTEN_NAME_MAX, UNIX "%s", address.un.sun_path);
    else
        name_inet(&address.sa, n, scheme, ret_name);
}
