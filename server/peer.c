#include "server/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_BYTES 8 /* of an IPv6 address: /64 */

static void name_ip4(const void *address, char *ret_name)
{
    inet_ntop(AF_INET, address, ret_name, PEER_NAME_MAX);
}

/* A listener on "::" sees IPv4 clients as ::ffff:192.0.2.7. */
static void name_ip6(const struct in6_addr *address, char *ret_name)
{
    struct in6_addr net = { 0 };

    if (IN6_IS_ADDR_V4MAPPED(address)) {
        name_ip4(&address->s6_addr[12], ret_name);
        return;
    }
    memcpy(&net, address, PREFIX_BYTES);
    inet_ntop(AF_INET6, &net, ret_name, PEER_NAME_MAX);
    snprintf(ret_name + strlen(ret_name), PEER_NAME_MAX - strlen(ret_name), "/64");
}

void peer_name(const struct sockaddr *sa, char ret_name[PEER_NAME_MAX])
{
    if (sa && sa->sa_family == AF_INET)
        name_ip4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr, ret_name);
    else if (sa && sa->sa_family == AF_INET6)
        name_ip6(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, ret_name);
    else
        snprintf(ret_name, PEER_NAME_MAX, sa && sa->sa_family == AF_UNIX ? "local" : "unknown");
}
