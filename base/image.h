/*
 * 8-bit pictures in host memory, rows top to bottom, channels interleaved.
 */
#ifndef BASE_IMAGE_H
#define BASE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define IMAGE_SIDE_MAX 16384

struct image {
    int w, h, channels; /* channels: 3 RGB or 4 RGBA (straight alpha) */
    uint8_t *px;        /* [h, w, channels], owned */
};

static inline size_t image_row_bytes(const struct image *img)
{
    return (size_t)img->w * (size_t)img->channels;
}

static inline uint8_t *image_row(const struct image *img, int y)
{
    return img->px + (size_t)y * image_row_bytes(img);
}

/* For decoders, before they read pixels: w x h within max_pixels and IMAGE_SIDE_MAX, else
 * TOO_LARGE. */
int image_check_size(uint32_t w, uint32_t h, size_t max_pixels, struct err *e);
/* Zeroed picture. Sides below 1 or over IMAGE_SIDE_MAX and other channel counts are INVALID. */
int image_new(int w, int h, int channels, struct image *ret_img, struct err *e);
void image_release(struct image *img);
int image_copy(const struct image *src, struct image *ret_img, struct err *e);

/* The square of side min(w, h) around the centre: left = floor or round as PIL/torchvision
 * CenterCrop does. */
int image_crop_centre(const struct image *src, int side, struct image *ret_img, struct err *e);
int image_crop(const struct image *src, int x, int y, int w, int h, struct image *ret_img,
               struct err *e);

/* Resize as Pillow does (antialias: the filter grows with the scale; two passes, 8-bit rounding
 * between): BILINEAR support 1, BICUBIC a = -0.5 support 2, BOX. */
enum image_filter { IMAGE_BOX, IMAGE_BILINEAR, IMAGE_BICUBIC };
int image_resize(const struct image *src, int w, int h, enum image_filter filter,
                 struct image *ret_img, struct err *e);
/* Short side to `side` (long side rounded down as torchvision: int(side * long / short)), then
 * centre crop. */
int image_fit_square(const struct image *src, int side, enum image_filter filter,
                     struct image *ret_img, struct err *e);

/* RGBA over a flat colour -> RGB. RGB is copied. */
int image_flatten(const struct image *src, const uint8_t rgb[3], struct image *ret_img,
                  struct err *e);
/* src (RGB or RGBA) drawn onto dst (RGB) with its upper left corner at x, y; parts outside are cut.
 */
void image_draw(struct image *dst, const struct image *src, int x, int y);

/* n pictures of one size as one sheet, `columns` a row, `gap` white pixels between. */
int image_grid(const struct image *imgs, int n, int columns, int gap, struct image *ret_img,
               struct err *e);

#endif
