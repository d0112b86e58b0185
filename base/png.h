/*
 * PNG through libpng. Size and pixel count are checked before any pixel is decoded.
 */
#ifndef BASE_PNG_H
#define BASE_PNG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/image.h"

/* The first bytes look like a PNG. */
bool png_is(const void *data, size_t n);
/* Any PNG -> RGB, or RGBA if it has alpha or tRNS. More than max_pixels: TOO_LARGE with both
 * numbers. */
int png_decode(const void *data, size_t n, size_t max_pixels, struct image *ret_img, struct err *e);
/* Key/value pairs (text[2i], text[2i+1]; n_text pairs; NULL with 0 for none) become tEXt chunks, or
 * iTXt where the value is more than ASCII: it is taken for UTF-8, which tEXt is not. The same
 * picture and text give the same bytes. Appends to ret_png (initialised). */
int png_encode(const struct image *img, const char *const *text, int n_text, struct buf *ret_png,
               struct err *e);
/* To a file, atomically. */
int png_write(const struct image *img, const char *path, struct err *e);

#endif
