/*
 * Listening TCP sockets, opened before anything slow, so that a port in use is known at once.
 */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "base/err.h"

#define LISTEN_NAME_MAX 96

/* "127.0.0.1:8080", "[::1]:8080", "*:8080", "host:0" (any free port) -> a listening, non-blocking
 * socket. */
int listen_open(const char *address, int *ret_fd, struct err *e);
/* "http://127.0.0.1:8080" of a listening socket. */
void listen_name(int fd, char ret_name[LISTEN_NAME_MAX]);

#endif
