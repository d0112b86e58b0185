/*
 * JPEG through libjpeg-turbo. Size and pixel count are checked before any pixel is decoded.
 */
#ifndef BASE_JPEG_H
#define BASE_JPEG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/image.h"

bool jpeg_is(const void *data, size_t n);
/* Baseline or progressive, gray, YCbCr or RGB (CMYK refused) -> RGB. */
int jpeg_decode(const void *data, size_t n, size_t max_pixels, struct image *ret_img,
                struct err *e);
#define JPEG_COMMENT_MAX 65533 /* bytes: the format's own limit */
/* quality 1..100. comment: becomes a COM segment; NULL: none. Appends to ret_jpeg (initialised). */
int jpeg_encode(const struct image *img, int quality, const char *comment, struct buf *ret_jpeg,
                struct err *e);

#endif
