/*
 * Listening sockets, opened before anything slow, so that a port in use is known at once.
 *
 *     127.0.0.1:8080  [::1]:8080  name:8080   one address
 *     *:8080                                  every address, IPv6 and IPv4
 *     host:0                                  any free port
 *     unix:/run/clipgen/http.sock             a Unix socket, mode 0660; a dead one is replaced
 *     systemd:http                            the socket of this name that systemd holds for us
 */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "base/err.h"

#define LISTEN_NAME_MAX 128

/* A listening, non-blocking socket. */
int listen_open(const char *address, int *ret_fd, struct err *e);
/* Removes what listen_open has left in the file system; with or after the close of the socket. */
void listen_forget(const char *address);
/* "http://127.0.0.1:8080" or "unix:/run/..." of a listening socket. scheme: "http", "https" or
 * "tcp". */
void listen_name(int fd, const char *scheme, char ret_name[LISTEN_NAME_MAX]);

#endif
