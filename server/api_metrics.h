/*
 * GET /metrics: counters, gauges and histograms in Prometheus text format.
 */
#ifndef SERVER_API_METRICS_H
#define SERVER_API_METRICS_H

#include "server/app.h"
#include "server/http.h"

void api_metrics(struct app *app, struct exchange *x);

#endif
