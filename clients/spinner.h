/*
 * A line on the terminal that shows that something goes on; nothing when stderr is no terminal.
 */
#ifndef CLIENTS_SPINNER_H
#define CLIENTS_SPINNER_H

#include <stdbool.h>
#include <stdint.h>

struct spinner {
    const char *what;
    int64_t begin_ns;
    int turns;
    bool on;
};

void spinner_start(struct spinner *s, const char *what);
void spinner_turn(void *spinner); /* for struct web_tick */
void spinner_stop(struct spinner *s);

#endif
