/*
 * The machine that reads a pickle: its stack, marks and memo, all in the pool. Private to the
 * pickle files.
 */
#ifndef CONVERT_PICKLE_MACHINE_H
#define CONVERT_PICKLE_MACHINE_H

#include "convert/pickle.h"

struct machine {
    const unsigned char *start, *at, *end;
    struct pool *pool;
    struct pickle **stack; /* [n] */
    size_t n, cap;
    size_t *mark; /* [n_marks]: heights of the stack */
    size_t n_marks, marks_cap;
    struct pickle **memo; /* [memo_cap], NULL where nothing was put */
    size_t memo_cap, n_memo;
    struct pickle *persistent; /* LIST of all that were made */
    bool stopped;
};

/* TOO_LARGE: the pool is full. Returns -1. */
int machine_full(const struct machine *m, struct err *e);
/* NULL: e says why. */
struct pickle *machine_value(struct machine *m, enum pickle_type type, struct err *e);
/* v NULL: it could not be made, and e says why already. */
int machine_push(struct machine *m, struct pickle *v, struct err *e);
/* At least n values above the newest mark? Those below it belong to somebody else. */
int machine_need(const struct machine *m, size_t n, struct err *e);
size_t machine_above_mark(const struct machine *m);
/* Both after machine_need. */
struct pickle *machine_pop(struct machine *m);
struct pickle *machine_top(const struct machine *m);

int machine_mark(struct machine *m, struct err *e);
/* Takes the values above the newest mark off the stack; they stay readable until the next push. */
int machine_pop_marked(struct machine *m, struct pickle ***ret_items, size_t *ret_n, struct err *e);

/* The top of the stack becomes memo entry `at`. */
int machine_put(struct machine *m, int64_t at, struct err *e);
int machine_get(struct machine *m, int64_t at, struct err *e);

/* Appends to a container. */
int machine_add_items(struct machine *m, struct pickle *to, struct pickle **items, size_t n,
                      struct err *e);

#endif
