#include "base/png.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "base/file.h"

enum {
    SIGNATURE_BYTES = 8,
    TEXT_KEY_MAX = 79,         /* the format's own limit */
    CHUNK_MAX_BYTES = 1 << 20, /* a text or profile chunk over this is skipped by libpng */
    ENCODE_MAX_BYTES = 1 << 30,
    ENCODE_LEVEL = 4, /* 256 x 256: 61 kB in 7 ms; level 6 59 kB in 11, level 3 68 kB in 5 */
};

/* What libpng's callbacks need: errors come back by longjmp, with the words already in e. */
struct png_job {
    png_structp png;
    png_infop info;
    jmp_buf failed;
    struct err *e;
};

bool png_is(const void *data, size_t n)
{
    return n >= SIGNATURE_BYTES && png_sig_cmp(data, 0, SIGNATURE_BYTES) == 0;
}

static _Noreturn void on_error(png_structp png, png_const_charp words)
{
    struct png_job *job = png_get_error_ptr(png);

    err_set(job->e, ERR_FORMAT, "png: %s", words);
    longjmp(job->failed, 1);
}

static void on_warning(png_structp png, png_const_charp words)
{
    (void)png;
    (void)words; /* damage that does not touch the pixels */
}

/* ---- decoding ---- */

struct decoder {
    struct png_job job; /* first: libpng hands it back */
    const uint8_t *at, *end;
    size_t max_pixels;
    struct image img;
};

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    struct decoder *d = png_get_io_ptr(png);

    if (n > (size_t)(d->end - d->at))
        png_error(png, "the file ends early");
    memcpy(to, d->at, n);
    d->at += n;
}

static int check_size(struct decoder *d)
{
    png_structp png = d->job.png;

    if (image_check_size(png_get_image_width(png, d->job.info),
                         png_get_image_height(png, d->job.info), d->max_pixels, d->job.e))
        return err_prefix(d->job.e, "png: ");
    return 0;
}

/* Whatever the file holds becomes 8-bit RGB or RGBA. */
static void ask_for_8_bits(png_structp png)
{
    png_set_expand(png); /* palette to RGB, few bits to 8, tRNS to alpha */
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
}

static int make_image(struct decoder *d, int channels)
{
    return image_new((int)png_get_image_width(d->job.png, d->job.info),
                     (int)png_get_image_height(d->job.png, d->job.info), channels, &d->img,
                     d->job.e);
}

static int read_pixels(struct decoder *d)
{
    int n_passes = png_set_interlace_handling(d->job.png);

    png_read_update_info(d->job.png, d->job.info);
    if (make_image(d, png_get_channels(d->job.png, d->job.info)))
        return -1;
    for (int pass = 0; pass < n_passes; pass++)
        for (int y = 0; y < d->img.h; y++)
            png_read_row(d->job.png, image_row(&d->img, y), NULL);
    return 0;
}

/* No local variable lives across the setjmp: all state is in d. */
static int decode(struct decoder *d)
{
    if (setjmp(d->job.failed))
        return -1;
    png_read_info(d->job.png, d->job.info);
    if (check_size(d))
        return -1;
    ask_for_8_bits(d->job.png);
    if (read_pixels(d))
        return -1;
    png_read_end(d->job.png, NULL); /* a file that stops before IEND is damaged */
    return 0;
}

static int decoder_open(struct decoder *d)
{
    d->job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, on_error, on_warning);
    d->job.info = d->job.png ? png_create_info_struct(d->job.png) : NULL;
    if (!d->job.info)
        return err_set(d->job.e, ERR_NOMEM, "png: out of memory");
    png_set_read_fn(d->job.png, d, read_bytes);
    /* no limit of libpng's own: check_size has better words */
    png_set_user_limits(d->job.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(d->job.png, CHUNK_MAX_BYTES);
    return 0;
}

int png_decode(const void *data, size_t n, size_t max_pixels, struct image *ret_img, struct err *e)
{
    struct decoder d = { .job = { .e = e }, .at = data, .max_pixels = max_pixels };
    int status;

    if (!png_is(data, n))
        return err_set(e, ERR_FORMAT, "png: not a PNG");
    d.end = d.at + n;
    status = decoder_open(&d) ? -1 : decode(&d);
    png_destroy_read_struct(&d.job.png, &d.job.info, NULL);
    if (status)
        image_release(&d.img);
    else
        *ret_img = d.img;
    return status;
}

/* ---- encoding ---- */

struct encoder {
    struct png_job job; /* first: libpng hands it back */
    const struct image *img;
    const char *const *text;
    int n_text;
    struct buf *out;
};

static void write_bytes(png_structp png, png_bytep from, size_t n)
{
    struct encoder *enc = png_get_io_ptr(png);

    buf_append(enc->out, from, n); /* sticky; asked once at the end */
}

static void flush_bytes(png_structp png)
{
    (void)png;
}

/* libpng copies what it is given here, but its struct lacks the const. */
static png_charp borrowed(const char *s)
{
    return (png_charp)(uintptr_t)s;
}

static bool is_ascii(const char *s)
{
    while (*s && !(*s & 0x80))
        s++;
    return !*s;
}

static void write_text(struct encoder *enc)
{
    for (int i = 0; i < enc->n_text; i++) {
        const char *text = enc->text[2 * i + 1];
        png_text t = { .compression =
                           is_ascii(text) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE,
                       .key = borrowed(enc->text[2 * i]),
                       .text = borrowed(text) };
        png_set_text(enc->job.png, enc->job.info, &t, 1);
    }
}

static void write_header(struct encoder *enc)
{
    int type = enc->img->channels == 4 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB;

    png_set_compression_level(enc->job.png, ENCODE_LEVEL);
    png_set_IHDR(enc->job.png, enc->job.info, (png_uint_32)enc->img->w, (png_uint_32)enc->img->h, 8,
                 type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    write_text(enc);
    png_write_info(enc->job.png, enc->job.info);
}

static int encode(struct encoder *enc)
{
    if (setjmp(enc->job.failed))
        return -1;
    write_header(enc);
    for (int y = 0; y < enc->img->h; y++)
        png_write_row(enc->job.png, image_row(enc->img, y));
    png_write_end(enc->job.png, NULL);
    return 0;
}

static int check_text(const char *const *text, int n_text, struct err *e)
{
    for (int i = 0; i < n_text; i++) {
        size_t n = strlen(text[2 * i]);
        if (n < 1 || n > TEXT_KEY_MAX)
            return err_set(e, ERR_INVALID, "png: text key '%.80s' is not 1..%d bytes long",
                           text[2 * i], TEXT_KEY_MAX);
    }
    return 0;
}

int png_encode(const struct image *img, const char *const *text, int n_text, struct buf *ret_png,
               struct err *e)
{
    struct encoder enc = {
        .job = { .e = e }, .img = img, .text = text, .n_text = n_text, .out = ret_png
    };
    int status;

    if (check_text(text, n_text, e))
        return -1;
    enc.job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &enc, on_error, on_warning);
    enc.job.info = enc.job.png ? png_create_info_struct(enc.job.png) : NULL;
    if (enc.job.info) {
        png_set_write_fn(enc.job.png, &enc, write_bytes, flush_bytes);
        status = encode(&enc);
    } else {
        status = err_set(e, ERR_NOMEM, "png: out of memory");
    }
    png_destroy_write_struct(&enc.job.png, &enc.job.info);
    if (status)
        return -1;
    return buf_check(ret_png, e) ? err_prefix(e, "png: ") : 0;
}

int png_write(const struct image *img, const char *path, struct err *e)
{
    struct buf png;
    int status;

    buf_init(&png, ENCODE_MAX_BYTES);
    status = png_encode(img, NULL, 0, &png, e) ? err_prefix(e, "%s: ", path)
                                               : file_write(path, png.data, png.len, e);
    buf_release(&png);
    return status;
}
