#include "base/webp.h"

#include <string.h>
#include <webp/decode.h>
#include <webp/encode.h>

#define HEADER_BYTES 12 /* "RIFF", size, "WEBP" */

bool webp_is(const void *data, size_t n)
{
    const char *bytes = data;

    return n >= HEADER_BYTES && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

/* ---- decoding ---- */

static int refuse(VP8StatusCode status, struct err *e)
{
    static const struct {
        enum err_code code;
        const char *words;
    } WORDS[] = {
        [VP8_STATUS_OK] = { ERR_INTERNAL, "no failure" },
        [VP8_STATUS_OUT_OF_MEMORY] = { ERR_NOMEM, "out of memory" },
        [VP8_STATUS_INVALID_PARAM] = { ERR_FORMAT, "the header contradicts itself" },
        [VP8_STATUS_BITSTREAM_ERROR] = { ERR_FORMAT, "the data is damaged" },
        [VP8_STATUS_UNSUPPORTED_FEATURE] = { ERR_UNSUPPORTED, "a kind that libwebp cannot read" },
        [VP8_STATUS_SUSPENDED] = { ERR_FORMAT, "the file ends early" },
        [VP8_STATUS_USER_ABORT] = { ERR_INTERNAL, "stopped" },
        [VP8_STATUS_NOT_ENOUGH_DATA] = { ERR_FORMAT, "the file ends early" },
    };

    return err_set(e, WORDS[status].code, "webp: %s", WORDS[status].words);
}

static int read_header(const void *data, size_t n, size_t max_pixels, WebPBitstreamFeatures *f,
                       struct err *e)
{
    VP8StatusCode status = WebPGetFeatures(data, n, f);

    if (status != VP8_STATUS_OK)
        return refuse(status, e);
    if (f->has_animation)
        return err_set(e, ERR_UNSUPPORTED, "webp: an animation; a still picture is expected");
    if (image_check_size((uint32_t)f->width, (uint32_t)f->height, max_pixels, e))
        return err_prefix(e, "webp: ");
    return 0;
}

static VP8StatusCode read_pixels(const void *data, size_t n, const struct image *img)
{
    WebPDecoderConfig c;

    if (!WebPInitDecoderConfig(&c))
        return VP8_STATUS_UNSUPPORTED_FEATURE; /* another version of the library */
    c.output.colorspace = img->channels == 4 ? MODE_RGBA : MODE_RGB;
    c.output.is_external_memory = 1;
    c.output.u.RGBA.rgba = img->px;
    c.output.u.RGBA.stride = (int)image_row_bytes(img);
    c.output.u.RGBA.size = image_row_bytes(img) * (size_t)img->h;
    return WebPDecode(data, n, &c);
}

int webp_decode(const void *data, size_t n, size_t max_pixels, struct image *ret_img, struct err *e)
{
    WebPBitstreamFeatures f;
    VP8StatusCode status;
    struct image img;

    if (!webp_is(data, n))
        return err_set(e, ERR_FORMAT, "webp: not a WebP");
    if (read_header(data, n, max_pixels, &f, e) ||
        image_new(f.width, f.height, f.has_alpha ? 4 : 3, &img, e))
        return -1;
    status = read_pixels(data, n, &img);
    if (status != VP8_STATUS_OK) {
        image_release(&img);
        return refuse(status, e);
    }
    *ret_img = img;
    return 0;
}

/* ---- encoding ---- */

static int write_bytes(const uint8_t *data, size_t n, const WebPPicture *picture)
{
    struct buf *out = picture->custom_ptr;

    buf_append(out, data, n);
    return !out->failed;
}

static int encode(const struct image *img, const WebPConfig *config, struct buf *out, struct err *e)
{
    WebPPicture picture;
    int ok;

    if (!WebPPictureInit(&picture))
        return err_set(e, ERR_INTERNAL, "webp: another version of the library");
    picture.width = img->w;
    picture.height = img->h;
    picture.writer = write_bytes;
    picture.custom_ptr = out;
    ok = WebPPictureImportRGB(&picture, img->px, (int)image_row_bytes(img)) &&
         WebPEncode(config, &picture);
    WebPPictureFree(&picture);
    if (buf_check(out, e))
        return err_prefix(e, "webp: ");
    return ok ? 0 : err_set(e, ERR_NOMEM, "webp: libwebp's error %d", (int)picture.error_code);
}

int webp_encode(const struct image *img, int quality, struct buf *ret_webp, struct err *e)
{
    WebPConfig config;

    if (quality < 1 || quality > 100)
        return err_set(e, ERR_INVALID, "webp: quality %d is outside 1..100", quality);
    if (img->channels != 3)
        return err_set(e, ERR_INVALID, "webp: a picture with alpha must be flattened first");
    if (img->w > WEBP_MAX_DIMENSION || img->h > WEBP_MAX_DIMENSION)
        return err_set(e, ERR_INVALID, "webp: %d x %d has a side over %d", img->w, img->h,
                       WEBP_MAX_DIMENSION);
    if (!WebPConfigInit(&config))
        return err_set(e, ERR_INTERNAL, "webp: another version of the library");
    config.quality = (float)quality;
    return encode(img, &config, ret_webp, e);
}
