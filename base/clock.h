/*
 * Time. Monotonic for everything that is measured or waited for; tests may stop and move it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Monotonic, from an arbitrary start. Any thread. */
int64_t clock_ns(void);
int64_t clock_ms(void);
/* Seconds since 1970, for people and `created` fields. */
int64_t clock_unix(void);

/* Tests only: clock_ns returns ns until changed again; a negative value lets it run. */
void clock_stop_at(int64_t ns);

#endif
