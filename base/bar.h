/*
 * How much of a long job is done, on stderr (line.h):
 *     writing [=========>          ] 612/1350 MB  210 MB/s  ETA 0:03
 */
#ifndef BASE_BAR_H
#define BASE_BAR_H

#include "base/line.h"

#define BAR_WIDTH 20

/* "=====>    " of `done` out of total. */
void bar_draw(int64_t done, int64_t total, char ret[BAR_WIDTH + 1]);

struct bar {
    const char *name, *unit; /* "writing", "MB" */
    double scale;            /* of one step in units */
    int64_t total, done, start_ns;
    struct line line;
};

void bar_start(struct bar *b, const char *name, int64_t total, const char *unit, double scale);
/* `more` of the total is done. */
void bar_step(struct bar *b, int64_t more);
/* Ends the line. */
void bar_end(struct bar *b);

#endif
