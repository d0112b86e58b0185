/*
 * SIGTERM and SIGINT ask a long run to save or clean up and to end; a second one ends it at once.
 * Call it once, before other threads start.
 */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include <signal.h>

/* Catches both from here on. The flag turns 1 with the first signal; it lives as long as the
 * program. Interrupted system calls go on. */
const volatile sig_atomic_t *stop_on_signals(void);

#endif
