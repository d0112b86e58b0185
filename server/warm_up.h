/*
 * One picture the whole way before clients get to a model: it proves the model, and takes the
 * first-time costs from the first client. Beside other requests, whatever waits already.
 */
#ifndef SERVER_WARM_UP_H
#define SERVER_WARM_UP_H

#include "server/app.h"

/* Waits for it; the scheduler's thread runs. app: a struct app. */
int warm_up(void *app, struct instance *i, struct err *e);

#endif
