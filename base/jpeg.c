#include "base/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

enum {
    OUT_CHUNK = 16 * 1024,
    SCANS_MAX = 100, /* a progressive file may ask for any number of passes over the picture */
};

/* The first member is libjpeg's, so that its callbacks find the rest behind it. */
struct errors {
    struct jpeg_error_mgr mgr;
    jmp_buf failed;
    struct err *e;
};

bool jpeg_is(const void *data, size_t n)
{
    static const unsigned char START[] = { 0xff, 0xd8, 0xff };

    return n >= sizeof START && memcmp(data, START, sizeof START) == 0;
}

static _Noreturn void on_error(j_common_ptr c)
{
    struct errors *errors = (struct errors *)c->err;
    char words[JMSG_LENGTH_MAX];

    c->err->format_message(c, words);
    err_set(errors->e, c->err->msg_code == JERR_OUT_OF_MEMORY ? ERR_NOMEM : ERR_FORMAT, "jpeg: %s",
            words);
    longjmp(errors->failed, 1);
}

/* libjpeg paints grey over missing data and only warns. A picture that is not what was sent is an
 * error. */
static void on_message(j_common_ptr c, int level)
{
    static const int HARMLESS[] = { JWRN_EXTRANEOUS_DATA, JWRN_ADOBE_XFORM, JWRN_JFIF_MAJOR };

    if (level >= 0)
        return;
    for (size_t i = 0; i < sizeof HARMLESS / sizeof *HARMLESS; i++)
        if (c->err->msg_code == HARMLESS[i])
            return;
    on_error(c);
}

static void on_output(j_common_ptr c)
{
    (void)c; /* on_error has the words */
}

static struct jpeg_error_mgr *errors_init(struct errors *errors, struct err *e)
{
    jpeg_std_error(&errors->mgr);
    errors->mgr.error_exit = on_error;
    errors->mgr.emit_message = on_message;
    errors->mgr.output_message = on_output;
    errors->e = e;
    return &errors->mgr;
}

/* ---- decoding ---- */

struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct errors errors;
    struct jpeg_progress_mgr progress;
    const void *data;
    size_t n, max_pixels;
    struct image img;
};

static void on_progress(j_common_ptr c)
{
    struct decoder *d = (struct decoder *)c;

    if (d->jpeg.input_scan_number <= SCANS_MAX)
        return;
    err_set(d->errors.e, ERR_TOO_LARGE, "jpeg: more than %d scans", SCANS_MAX);
    longjmp(d->errors.failed, 1);
}

static int check_header(struct decoder *d)
{
    J_COLOR_SPACE colours = d->jpeg.jpeg_color_space;

    if (image_check_size(d->jpeg.image_width, d->jpeg.image_height, d->max_pixels, d->errors.e))
        return err_prefix(d->errors.e, "jpeg: ");
    if (colours == JCS_CMYK || colours == JCS_YCCK)
        return err_set(d->errors.e, ERR_UNSUPPORTED, "jpeg: CMYK colours; convert it to RGB");
    return 0;
}

static void read_rows(struct decoder *d)
{
    while (d->jpeg.output_scanline < d->jpeg.output_height) {
        JSAMPROW row = image_row(&d->img, (int)d->jpeg.output_scanline);
        jpeg_read_scanlines(&d->jpeg, &row, 1);
    }
}

/* No local variable lives across the setjmp: all state is in d. */
static int decode(struct decoder *d)
{
    if (setjmp(d->errors.failed))
        return -1;
    jpeg_create_decompress(&d->jpeg);
    d->progress.progress_monitor = on_progress;
    d->jpeg.progress = &d->progress;
    jpeg_mem_src(&d->jpeg, d->data, d->n);
    jpeg_read_header(&d->jpeg, TRUE);
    if (check_header(d))
        return -1;
    d->jpeg.out_color_space = JCS_RGB;
    jpeg_start_decompress(&d->jpeg);
    if (image_new((int)d->jpeg.output_width, (int)d->jpeg.output_height, 3, &d->img, d->errors.e))
        return -1;
    read_rows(d);
    jpeg_finish_decompress(&d->jpeg);
    return 0;
}

int jpeg_decode(const void *data, size_t n, size_t max_pixels, struct image *ret_img, struct err *e)
{
    struct decoder d;
    int status;

    if (!jpeg_is(data, n))
        return err_set(e, ERR_FORMAT, "jpeg: not a JPEG");
    memset(&d, 0, sizeof d);
    d.data = data;
    d.n = n;
    d.max_pixels = max_pixels;
    d.jpeg.err = errors_init(&d.errors, e);
    status = decode(&d);
    jpeg_destroy_decompress(&d.jpeg);
    if (status)
        image_release(&d.img);
    else
        *ret_img = d.img;
    return status;
}

/* ---- encoding ---- */

struct encoder {
    struct jpeg_compress_struct jpeg;
    struct errors errors;
    struct jpeg_destination_mgr to;
    const struct image *img;
    int quality;
    const char *comment; /* NULL: none */
    struct buf *out;
    JOCTET chunk[OUT_CHUNK];
};

static void out_start(j_compress_ptr c)
{
    struct encoder *enc = (struct encoder *)c;

    enc->to.next_output_byte = enc->chunk;
    enc->to.free_in_buffer = sizeof enc->chunk;
}

static boolean out_full(j_compress_ptr c)
{
    struct encoder *enc = (struct encoder *)c;

    buf_append(enc->out, enc->chunk, sizeof enc->chunk); /* sticky; asked once at the end */
    out_start(c);
    return TRUE;
}

static void out_end(j_compress_ptr c)
{
    struct encoder *enc = (struct encoder *)c;

    buf_append(enc->out, enc->chunk, sizeof enc->chunk - enc->to.free_in_buffer);
}

static void write_rows(struct encoder *enc)
{
    while (enc->jpeg.next_scanline < enc->jpeg.image_height) {
        JSAMPROW row = image_row(enc->img, (int)enc->jpeg.next_scanline);
        jpeg_write_scanlines(&enc->jpeg, &row, 1);
    }
}

static int encode(struct encoder *enc)
{
    if (setjmp(enc->errors.failed))
        return -1;
    jpeg_create_compress(&enc->jpeg);
    enc->to.init_destination = out_start;
    enc->to.empty_output_buffer = out_full;
    enc->to.term_destination = out_end;
    enc->jpeg.dest = &enc->to;
    enc->jpeg.image_width = (JDIMENSION)enc->img->w;
    enc->jpeg.image_height = (JDIMENSION)enc->img->h;
    enc->jpeg.input_components = 3;
    enc->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&enc->jpeg);
    jpeg_set_quality(&enc->jpeg, enc->quality, TRUE);
    jpeg_start_compress(&enc->jpeg, TRUE);
    if (enc->comment)
        jpeg_write_marker(&enc->jpeg, JPEG_COM, (const JOCTET *)enc->comment,
                          (unsigned)strlen(enc->comment));
    write_rows(enc);
    jpeg_finish_compress(&enc->jpeg);
    return 0;
}

int jpeg_encode(const struct image *img, int quality, const char *comment, struct buf *ret_jpeg,
                struct err *e)
{
    struct encoder enc;
    int status;

    if (quality < 1 || quality > 100)
        return err_set(e, ERR_INVALID, "jpeg: quality %d is outside 1..100", quality);
    if (img->channels != 3)
        return err_set(e, ERR_INVALID, "jpeg: a picture with alpha must be flattened first");
    if (comment && strlen(comment) > JPEG_COMMENT_MAX)
        return err_set(e, ERR_INVALID, "jpeg: a comment of %zu bytes is over %d", strlen(comment),
                       JPEG_COMMENT_MAX);
    memset(&enc, 0, sizeof enc);
    enc.img = img;
    enc.quality = quality;
    enc.comment = comment;
    enc.out = ret_jpeg;
    enc.jpeg.err = errors_init(&enc.errors, e);
    status = encode(&enc);
    jpeg_destroy_compress(&enc.jpeg);
    if (status)
        return -1;
    return buf_check(ret_jpeg, e) ? err_prefix(e, "jpeg: ") : 0;
}
