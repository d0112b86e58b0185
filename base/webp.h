/*
 * WebP through libwebp. Size and pixel count are checked before any pixel is decoded.
 */
#ifndef BASE_WEBP_H
#define BASE_WEBP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/image.h"

bool webp_is(const void *data, size_t n);
/* A still picture (an animation is UNSUPPORTED), lossy or lossless -> RGB, or RGBA if it has alpha.
 */
int webp_decode(const void *data, size_t n, size_t max_pixels, struct image *ret_img,
                struct err *e);
/* Lossy. quality 1..100. img: RGB, sides up to 16383. The same picture gives the same bytes.
 * Appends to ret_webp (initialised). */
int webp_encode(const struct image *img, int quality, struct buf *ret_webp, struct err *e);

#endif
