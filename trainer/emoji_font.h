/*
 * The pictures inside a colour emoji font: PNG bitmaps of a TrueType file with the tables CBLC and
 * CBDT. Only what Noto Color Emoji needs: cmap format 12, ligatures (GSUB lookup type 4), one
 * strike, index format 1, image format 17.
 *
 *     emoji_font_open(path, &font, e)
 *     emoji_font_glyph(&font, code_points, n, &glyph, e)
 *     emoji_font_png(&font, glyph, &png, &n_png, e)      points into the file
 *     emoji_font_close(&font);
 *
 * The file is not trusted: every read is inside its table and the number of reads is bounded.
 * Immutable after open: any thread.
 */
#ifndef TRAINER_EMOJI_FONT_H
#define TRAINER_EMOJI_FONT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"

#define EMOJI_FONT_SEQUENCE_MAX 16 /* code points of one emoji */

struct emoji_font_table {
    const uint8_t *data;
    size_t size;
};

struct emoji_font {
    struct file_map map; /* empty after emoji_font_parse */
    struct emoji_font_table cmap, gsub, cblc, cbdt;
};

int emoji_font_open(const char *path, struct emoji_font *ret_font, struct err *e);
void emoji_font_close(struct emoji_font *f);
/* The same from memory that stays the caller's and must outlive the font. */
int emoji_font_parse(const uint8_t *data, size_t n, struct emoji_font *ret_font, struct err *e);

/* The glyph of a sequence; U+FE0F in it is skipped. NOT_FOUND: the font does not draw it. */
int emoji_font_glyph(const struct emoji_font *f, const uint32_t *code_points, int n,
                     uint16_t *ret_glyph, struct err *e);
int emoji_font_png(const struct emoji_font *f, uint16_t glyph, const uint8_t **ret_png,
                   size_t *ret_n, struct err *e);

#endif
