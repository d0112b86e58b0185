#include "base/format.h"

#include <stdbool.h>

#include "base/jpeg.h"
#include "base/png.h"
#include "base/webp.h"

static int to_png(const struct image *img, const struct format_options *o, struct buf *out,
                  struct err *e)
{
    return png_encode(img, o->text, o->n_text, out, e);
}

static int to_jpeg(const struct image *img, const struct format_options *o, struct buf *out,
                   struct err *e)
{
    return jpeg_encode(img, o->quality, o->n_text ? o->text[1] : NULL, out, e);
}

static int to_webp(const struct image *img, const struct format_options *o, struct buf *out,
                   struct err *e)
{
    return webp_encode(img, o->quality, out, e);
}

static const struct {
    const char *name, *mime;
    bool (*is)(const void *data, size_t n);
    int (*decode)(const void *data, size_t n, size_t max_pixels, struct image *ret_img,
                  struct err *e);
    int (*encode)(const struct image *img, const struct format_options *o, struct buf *out,
                  struct err *e);
} FORMATS[FORMAT_COUNT] = {
    [FORMAT_PNG] = { "png", "image/png", png_is, png_decode, to_png },
    [FORMAT_JPEG] = { "jpeg", "image/jpeg", jpeg_is, jpeg_decode, to_jpeg },
    [FORMAT_WEBP] = { "webp", "image/webp", webp_is, webp_decode, to_webp },
};

const char *format_name(enum format f)
{
    return FORMATS[f].name;
}

const char *format_mime(enum format f)
{
    return FORMATS[f].mime;
}

int format_decode(const void *data, size_t n, size_t max_pixels, struct image *ret_img,
                  struct err *e)
{
    for (int f = 0; f < FORMAT_COUNT; f++)
        if (FORMATS[f].is(data, n))
            return FORMATS[f].decode(data, n, max_pixels, ret_img, e);
    return err_set(e, ERR_FORMAT, "neither PNG, JPEG nor WebP");
}

int format_encode(const struct image *img, const struct format_options *o, struct buf *ret_file,
                  struct err *e)
{
    return FORMATS[o->format].encode(img, o, ret_file, e);
}
