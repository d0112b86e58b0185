/*
 * Text from outside that people are shown: no character of it may start a second line, colour or
 * move what stands on a terminal.
 */
#ifndef BASE_PRINTABLE_H
#define BASE_PRINTABLE_H

#include <stdbool.h>

/* Whether s has no control character: ASCII's, nor those of Latin-1 (U+0080..U+009F) in UTF-8. */
bool printable_is(const char *s);
/* Control characters become spaces. */
void printable_mask(char *s);

#endif
