/*
 * Which word was meant: the one of many that is spelled most like what somebody wrote.
 *
 *     near_init(&near, typed, n);
 *     for (every word)
 *         if (near_try(&near, word)) best = word;
 */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stdbool.h>
#include <stddef.h>

struct near {
    const char *typed; /* borrowed */
    size_t n, best;
};

/* typed: n bytes, which may be written with '-' in place of '_'. Over 63 bytes nothing is near. */
void near_init(struct near *near, const char *typed, size_t n);
/* word is near, and nearer than all before it. */
bool near_try(struct near *near, const char *word);

#endif
