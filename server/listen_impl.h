/*
 * The kinds of addresses besides TCP; private to listen.c.
 */
#ifndef SERVER_LISTEN_IMPL_H
#define SERVER_LISTEN_IMPL_H

#include "base/err.h"

#define LISTEN_BACKLOG 1024

/* path: where the socket shall be. */
int listen_unix(const char *path, int *ret_fd, struct err *e);
/* sd_listen_fds(3): sockets from LISTEN_FDS on, named by LISTEN_FDNAMES. Each is given out once. */
int listen_systemd(const char *name, int *ret_fd, struct err *e);

#endif
