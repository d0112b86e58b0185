/*
 * How far a long job is, on stderr: on a terminal one line that is drawn again, elsewhere a line
 * every half minute.
 *
 *     if (line_due(&l, now))
 *         line_show(&l, "%s [%s] %d/%d", ...);
 */
#ifndef BASE_LINE_H
#define BASE_LINE_H

#include <stdbool.h>
#include <stdint.h>

struct line {
    bool terminal;
    int64_t shown_ns;
};

/* now: clock_ns(). The first line comes an interval later. */
void line_start(struct line *l, int64_t now);
/* Whether it is time for another one; then its interval begins. */
bool line_due(struct line *l, int64_t now);
void line_show(const struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What follows begins on a line of its own. */
void line_end(const struct line *l);

#endif
