/*
 * Reading the configuration again while the daemon works: the bundles that are served, the least
 * important lines to log, API keys, and the certificate. It runs on a thread of its own, since a
 * model may have to be loaded; a wish that comes while one runs is fulfilled by the next.
 *
 * Bundles come first: if the configuration or one of them is bad, nothing is changed. Keys or a
 * certificate that are bad stay as they were.
 */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include <stdbool.h>

#include "base/err.h"
#include "server/config.h"
#include "server/keys.h"
#include "server/models.h"
#include "server/tls.h"

struct reload;

/* Borrowed. */
struct reload_parts {
    const struct config_source *source;
    struct models *models;
    struct keys *keys; /* or NULL */
    struct tls *tls;   /* or NULL */
};

/* Somebody who waits for the end of one. */
struct reload_waiter {
    void (*told)(void *arg); /* once, any thread, under a lock: no call of reload_* */
    void *arg;
    struct err err;        /* then: ERR_NONE, or why it has failed */
    struct reload *reload; /* reload.c's own, as the next */
    struct reload_waiter *next;
};

int reload_new(const struct reload_parts *parts, struct reload **ret_reload, struct err *e);
/* Fulfils no more wishes and tells all who wait; the one that runs goes on. */
void reload_stop(struct reload *r);
/* Waits for the one that runs. */
void reload_free(struct reload *r);

/* Asks for one. w: told when it has ended; the caller's until then, or until reload_leave; NULL:
 * nobody waits. Any thread. */
void reload_ask(struct reload *r, struct reload_waiter *w);
/* True: w has not been told, and will not be. */
bool reload_leave(struct reload_waiter *w);
bool reload_running(struct reload *r);

#endif
