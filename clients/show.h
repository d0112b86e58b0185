/*
 * `clipgen models` and `clipgen health`: what a daemon says about itself, for people.
 */
#ifndef CLIENTS_SHOW_H
#define CLIENTS_SHOW_H

#include "base/err.h"

struct json_t;

/* "key: value" a line, objects two columns further in. */
void show_object(struct json_t *o, int indent);
int show_models(const char *server, struct err *e);
/* UNAVAILABLE when the daemon is not well. */
int show_health(const char *server, struct err *e);

#endif
