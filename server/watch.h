/*
 * Watches sockets for what libmicrohttpd 0.9.75 does not see: a client that leaves while its
 * connection is suspended, and one that sends or reads so slowly that an idle timeout never
 * strikes. One thread; it shuts sockets down but never closes them.
 */
#ifndef SERVER_WATCH_H
#define SERVER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct watch;
struct watched; /* one socket */

/* half_close_is_gone: a client that has shut down its sending side counts as gone (browsers and
 * proxies do that only when they leave); false: only one that has closed. */
int watch_open(bool half_close_is_gone, struct watch **ret_watch, struct err *e);
/* Every socket must have been removed. */
void watch_close(struct watch *w);

/* From when the socket is known until before it is closed. NULL when memory is out. Any thread. */
struct watched *watch_add(struct watch *w, int fd);
void watch_remove(struct watch *w, struct watched *s);

/* Shuts the socket down at this time unless changed before; 0: never. Any thread. */
void watch_deadline(struct watch *w, struct watched *s, int64_t deadline_ns);
/* Calls gone(arg) at most once, if the client leaves before watch_disarm; after watch_disarm has
 * returned it is not called and not running. gone must not call watch_*. Any thread. */
void watch_arm(struct watch *w, struct watched *s, void (*gone)(void *arg), void *arg);
/* Calls beat(arg) every so often, on the same terms, until watch_disarm. */
void watch_beat(struct watch *w, struct watched *s, int64_t every_ns, void (*beat)(void *arg),
                void *arg);
void watch_disarm(struct watch *w, struct watched *s);

/* Sockets added and not removed. */
int watch_count(struct watch *w);

#endif
