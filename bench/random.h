/*
 * Random weights, quickly: a network of hundreds of millions of parameters is filled in a second.
 */
#ifndef BENCH_RANDOM_H
#define BENCH_RANDOM_H

#include "model/bundle.h"

/* Values spread as param_list_reset spreads them, but taken from one table of random numbers again
 * and again: good for measuring, not for training. */
int random_fill(struct param_list *l, struct err *e);
/* All networks of a bundle. */
int random_fill_bundle(struct bundle *b, struct err *e);

#endif
