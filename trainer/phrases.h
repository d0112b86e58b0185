/*
 * Small work on words from outside: the form in which names, keywords and captions are kept.
 */
#ifndef TRAINER_PHRASES_H
#define TRAINER_PHRASES_H

#include <stdbool.h>
#include <stddef.h>

/* A copy in the form that people type: ASCII letters in lower case, U+2019 as an apostrophe, white
 * space at both ends removed and squeezed inside. NULL: out of memory. mem_free. */
char *phrase_plain(const char *text, size_t n);

/* A growing list of strings that it owns. */
struct phrases {
    char **list;
    int n;
};
void phrases_release(struct phrases *w);
/* Takes word (NULL: out of memory before), also when it fails with -1. */
int phrases_take(struct phrases *w, char *word);
bool phrases_has(const struct phrases *w, const char *word);
/* Adds the plain form of every part of text between separators; empty parts, parts equal to
 * `except` and repetitions are left out, and so is what comes after max words. -1: out of memory.
 */
int phrases_add_split(struct phrases *w, const char *text, char separator, const char *except,
                      int max);

#endif
