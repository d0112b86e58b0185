/*
 * One picture the whole way before clients are let in: it proves the model, and takes the
 * first-time costs from the first client.
 */
#ifndef SERVER_WARM_UP_H
#define SERVER_WARM_UP_H

#include "server/app.h"

/* Waits for it; the scheduler's thread runs. */
int warm_up(struct app *app, struct err *e);

#endif
