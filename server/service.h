/*
 * The process as a service manager sees it: signals taken by one thread, and systemd's notification
 * protocol (a datagram to $NOTIFY_SOCKET; nothing is sent when that is not set).
 */
#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SERVICE_STATUS_MAX 256

struct service {
    int fd;              /* connected to $NOTIFY_SOCKET; -1: nobody listens */
    int64_t watchdog_ns; /* how often to ping at least; 0: no watchdog */
    int64_t pinged_ns, extended_ns;
    char said[SERVICE_STATUS_MAX]; /* the last status */
};

enum service_signal {
    SERVICE_NONE,
    SERVICE_STOP,   /* SIGTERM, SIGINT */
    SERVICE_RELOAD, /* SIGHUP */
};

/* Blocks the signals in this thread and all that it starts: call it before the first. */
int service_open(struct service *s, struct err *e);
void service_close(struct service *s);

/* A signal that has come within timeout_ms. */
enum service_signal service_wait(struct service *s, int timeout_ms);

/* For people; sent when it is another one than before. */
void service_status(struct service *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void service_ready(struct service *s);
void service_stopping(struct service *s);
/* A reload begins; service_ready ends it. */
void service_reloading(struct service *s);
/* Starting or stopping takes longer, but goes on: sent once a second, for the next ten. */
void service_extend(struct service *s);
/* The device is broken: the manager shall restart us at once. */
void service_failed(struct service *s);
/* A sign of life for the watchdog, sent when one is due. */
void service_ping(struct service *s);

#endif
