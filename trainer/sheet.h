/*
 * A contact sheet: pictures in rows, each with its words under it, for people to look at.
 */
#ifndef TRAINER_SHEET_H
#define TRAINER_SHEET_H

#include "base/image.h"

/*
 * imgs [n], RGB and of one size, n >= 1; words [n], UTF-8. Small pictures are enlarged by a whole
 * factor to SHEET_CELL_MIN pixels, so that words fit under them; text longer than SHEET_LINES lines
 * ends in "...". Letters outside ASCII are boxes.
 */
#define SHEET_CELL_MIN 128
#define SHEET_LINES 4
int sheet_make(const struct image *imgs, char *const *words, int n, int columns,
               struct image *ret_sheet, struct err *e);

#endif
