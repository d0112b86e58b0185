/*
 * GET / and what belongs to it: a page for people, compiled in from server/web. It runs no script
 * and loads nothing but its own: the headers say so to the browser.
 */
#ifndef SERVER_API_WEB_H
#define SERVER_API_WEB_H

#include "server/app.h"
#include "server/http.h"

void api_web(struct app *app, struct exchange *x);

#endif
