/*
 * The access line: one a request, when its exchange ends. As text,
 *
 *     access: id=gen-12 client=10.0.0.7 method=POST path=/v1/generate status=200 model=emoji-64
 *         images=1 queue=0.1 encode=2.0 decode=15.3 pixels=3.9 png=0.4 total=22.4 trace=-
 *
 * or as a JSON object with the same names and a time, a line of its own. Times are in milliseconds;
 * those of stages are 0 until the job is over.
 */
#ifndef SERVER_ACCESS_H
#define SERVER_ACCESS_H

#include "server/exchange.h"

enum access_format { ACCESS_TEXT, ACCESS_JSON, ACCESS_OFF };
#define ACCESS_FORMATS "text|json|off" /* in order */

/* status: 499 when the client has left. */
void access_log(const struct exchange *x, int status, enum access_format format);

#endif
