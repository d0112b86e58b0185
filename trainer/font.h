/*
 * A small bitmap font for words under pictures: ASCII, 5 x 7 pixels a character and two rows more
 * for what hangs below the line.
 */
#ifndef TRAINER_FONT_H
#define TRAINER_FONT_H

#include <stdbool.h>

enum { FONT_W = 5, FONT_H = 9, FONT_MISSING = 127 };

/* Whether pixel x, y (from the upper left) of a character is dark. Every character outside
 * 32..126 is FONT_MISSING, a box. */
bool font_pixel(char c, int x, int y);

#endif
