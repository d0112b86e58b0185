/*
 * Picture files of the formats we know: which one bytes are, and both directions for each.
 */
#ifndef BASE_FORMAT_H
#define BASE_FORMAT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/image.h"

enum format { FORMAT_PNG, FORMAT_JPEG, FORMAT_WEBP, FORMAT_COUNT };

/* The names in this order, as num_parse_choice takes them. */
#define FORMAT_CHOICES "png|jpeg|webp"

const char *format_name(enum format f); /* "png" */
const char *format_mime(enum format f); /* "image/png" */

/* By the first bytes. More than max_pixels: TOO_LARGE, before any pixel is decoded. RGB or RGBA. */
int format_decode(const void *data, size_t n, size_t max_pixels, struct image *ret_img,
                  struct err *e);

/* How a picture becomes a file. */
struct format_options {
    enum format format;
    int quality; /* 1..100; of JPEG and WebP */
    const char *const
        *text;  /* n_text pairs of key and value, UTF-8: PNG keeps all of them, JPEG the */
    int n_text; /* value of the first as its comment, WebP none */
};

/* img: RGB, or RGBA for PNG. The same picture and options give the same bytes. Appends to ret_file
 * (initialised). */
int format_encode(const struct image *img, const struct format_options *o, struct buf *ret_file,
                  struct err *e);

#endif
