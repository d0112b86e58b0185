/*
 * A recipe so small that every stage trains in a second, with a data set of toys.
 */
#ifndef TESTS_TRAINER_RECIPE_H
#define TESTS_TRAINER_RECIPE_H

#include "trainer/stage.h"

struct recipe {
    struct config config;
    struct stage stage;
    volatile sig_atomic_t stop;
};

typedef int recipe_stage(const struct stage *s, bool *ret_done, struct err *e);

/* Pictures of 16 x 16, 16 tokens; dir is the work folder and gets the toys and their vocabulary. */
void recipe_open(struct recipe *r, const char *dir);
void recipe_close(struct recipe *r);
void recipe_set(struct recipe *r, const char *key, const char *value);
/* Runs a stage, which must not fail; whether it is done. */
bool recipe_run(struct recipe *r, recipe_stage *stage);

/* A number of a stage's metrics.jsonl: the mean over lines [from, to). The lines must be there. */
double recipe_metric(const struct recipe *r, const char *stage, const char *name, int from, int to);
int recipe_lines(const struct recipe *r, const char *stage);

#endif
