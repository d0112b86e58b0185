/*
 * Whose turn a request takes when nobody has said who they are: the address it comes from.
 */
#ifndef SERVER_PEER_H
#define SERVER_PEER_H

#include <sys/socket.h>

#define PEER_NAME_MAX 64

/*
 * "192.0.2.7"; "2001:db8:1:2::/64", since one customer has a whole /64; "local" for a Unix socket.
 * sa may be NULL: "unknown".
 */
void peer_name(const struct sockaddr *sa, char ret_name[PEER_NAME_MAX]);

#endif
