/*
 * What HAProxy's agent-check asks for, on a port of its own: one line for whoever connects.
 *
 *     ready up 75%            takes work; the rest of its queue is this much
 *     drain                   is shutting down: finishes what it has, wants no more
 *     down#the device failed  takes nothing
 *
 * https://docs.haproxy.org/2.6/configuration.html#5.2-agent-check: the percentage scales the
 * server's weight; only "ready" and "up" undo the agent's own "drain" and "down".
 */
#ifndef SERVER_AGENT_H
#define SERVER_AGENT_H

#include "base/err.h"
#include "server/app.h"

#define AGENT_LINE_MAX 128

struct agent;

/* A thread that answers until agent_close. Owns listen_fd from here. */
int agent_open(int listen_fd, const struct app *app, struct agent **ret_agent, struct err *e);
void agent_close(struct agent *a);

/* The line of this moment, with its newline. Any thread. */
void agent_line(const struct app *app, char ret_line[AGENT_LINE_MAX]);

#endif
