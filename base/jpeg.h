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
/* quality 1..100. Appends to ret_jpeg (initialised). */
int jpeg_encode(const struct image *img, int quality, struct buf *ret_jpeg, struct err *e);

#endif
