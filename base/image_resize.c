/*
 * Resizing as Pillow computes it, so that preprocessing gives the pixels the networks were trained
 * on: each output pixel is a weighted mean of the input pixels under a filter that widens with the
 * reduction; weights are rounded to WEIGHT_BITS; columns first, then rows, with a rounding to 8
 * bits between. Alpha is multiplied in before and divided out after, so that invisible colours do
 * not bleed.
 */
#include "base/image.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* 8 bits for the pixel, 2 for sums of weights above 1 and the sign: the rest of 32 is the weight's
 * fraction. */
enum { WEIGHT_BITS = 32 - 8 - 2, WEIGHT_HALF = 1 << (WEIGHT_BITS - 1) };

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double cubic(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0)
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static const struct filter {
    double (*weight)(double x);
    double support; /* weight is 0 from here on, for a scale of 1 */
} FILTERS[] = {
    [IMAGE_BOX] = { box, 0.5 },
    [IMAGE_BILINEAR] = { triangle, 1.0 },
    [IMAGE_BICUBIC] = { cubic, 2.0 },
};

/* How one axis is resampled: output i is sum over k < n[i] of weights[i * n_max + k] *
 * input[first[i] + k]. */
struct axis {
    int n_out, n_max;
    int *first, *n;   /* [n_out] */
    int32_t *weights; /* [n_out, n_max], fixed point */
};

static void axis_release(struct axis *a)
{
    mem_free(a->first);
    mem_free(a->n);
    mem_free(a->weights);
}

/* n weights that sum to 1, as fixed point. */
static void round_weights(const double *exact, int n, double sum, int32_t *ret)
{
    for (int k = 0; k < n; k++) {
        double scaled = (sum != 0.0 ? exact[k] / sum : exact[k]) * (1 << WEIGHT_BITS);
        ret[k] = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
}

/* Fills output i: which inputs lie under the filter around its centre, and their weights. */
static void axis_fill(struct axis *a, int i, int n_in, const struct filter *f, double *exact)
{
    double scale = (double)n_in / a->n_out, stretch = scale > 1.0 ? scale : 1.0;
    double centre = (i + 0.5) * scale, support = f->support * stretch;
    int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
    double sum = 0.0;

    first = first < 0 ? 0 : first;
    end = end > n_in ? n_in : end;
    for (int k = first; k < end; k++) {
        exact[k - first] = f->weight((k - centre + 0.5) * (1.0 / stretch));
        sum += exact[k - first];
    }
    a->first[i] = first;
    a->n[i] = end - first;
    round_weights(exact, end - first, sum, a->weights + (size_t)i * (size_t)a->n_max);
}

static int axis_init(struct axis *a, int n_in, int n_out, const struct filter *f, struct err *e)
{
    double scale = (double)n_in / n_out;
    double *exact;

    a->n_out = n_out;
    a->n_max = (int)ceil(f->support * (scale > 1.0 ? scale : 1.0)) * 2 + 1;
    a->first = mem_alloc((size_t)n_out, sizeof *a->first);
    a->n = mem_alloc((size_t)n_out, sizeof *a->n);
    a->weights = mem_alloc((size_t)n_out * (size_t)a->n_max, sizeof *a->weights);
    exact = mem_alloc((size_t)a->n_max, sizeof *exact);
    if (!a->first || !a->n || !a->weights || !exact) {
        axis_release(a);
        mem_free(exact);
        return err_set(e, ERR_NOMEM, "image: no memory to resize %d pixels to %d", n_in, n_out);
    }
    for (int i = 0; i < n_out; i++)
        axis_fill(a, i, n_in, f, exact);
    mem_free(exact);
    return 0;
}

static uint8_t to_pixel(int32_t sum)
{
    int32_t v = sum >> WEIGHT_BITS;

    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void resample_row_rgb(const struct axis *a, const uint8_t *from, uint8_t *to)
{
    for (int x = 0; x < a->n_out; x++, to += 3) {
        const int32_t *w = a->weights + (size_t)x * (size_t)a->n_max;
        const uint8_t *in = from + (size_t)a->first[x] * 3;
        int32_t red = WEIGHT_HALF, green = WEIGHT_HALF, blue = WEIGHT_HALF;
        for (int k = 0; k < a->n[x]; k++, in += 3) {
            red += in[0] * w[k];
            green += in[1] * w[k];
            blue += in[2] * w[k];
        }
        to[0] = to_pixel(red);
        to[1] = to_pixel(green);
        to[2] = to_pixel(blue);
    }
}

static void resample_row_rgba(const struct axis *a, const uint8_t *from, uint8_t *to)
{
    for (int x = 0; x < a->n_out; x++, to += 4) {
        const int32_t *w = a->weights + (size_t)x * (size_t)a->n_max;
        const uint8_t *in = from + (size_t)a->first[x] * 4;
        int32_t red = WEIGHT_HALF, green = WEIGHT_HALF, blue = WEIGHT_HALF, alpha = WEIGHT_HALF;
        for (int k = 0; k < a->n[x]; k++, in += 4) {
            red += in[0] * w[k];
            green += in[1] * w[k];
            blue += in[2] * w[k];
            alpha += in[3] * w[k];
        }
        to[0] = to_pixel(red);
        to[1] = to_pixel(green);
        to[2] = to_pixel(blue);
        to[3] = to_pixel(alpha);
    }
}

static void resample_columns(const struct axis *a, const struct image *src, struct image *dst)
{
    for (int y = 0; y < src->h; y++)
        if (src->channels == 3)
            resample_row_rgb(a, image_row(src, y), image_row(dst, y));
        else
            resample_row_rgba(a, image_row(src, y), image_row(dst, y));
}

/* sums: one number a byte of a row, so that memory is walked along rows. */
static void resample_rows(const struct axis *a, const struct image *src, struct image *dst,
                          int32_t *sums)
{
    size_t n = image_row_bytes(src);

    for (int y = 0; y < a->n_out; y++) {
        const int32_t *w = a->weights + (size_t)y * (size_t)a->n_max;
        for (size_t i = 0; i < n; i++)
            sums[i] = WEIGHT_HALF;
        for (int k = 0; k < a->n[y]; k++) {
            const uint8_t *in = image_row(src, a->first[y] + k);
            for (size_t i = 0; i < n; i++)
                sums[i] += in[i] * w[k];
        }
        for (size_t i = 0; i < n; i++)
            image_row(dst, y)[i] = to_pixel(sums[i]);
    }
}

/* src to a new width; a picture that has it already is copied. */
static int resize_columns(const struct image *src, int w, const struct filter *f,
                          struct image *ret_img, struct err *e)
{
    struct axis a;

    if (w == src->w)
        return image_copy(src, ret_img, e);
    if (image_new(w, src->h, src->channels, ret_img, e))
        return -1;
    if (axis_init(&a, src->w, w, f, e)) {
        image_release(ret_img);
        return -1;
    }
    resample_columns(&a, src, ret_img);
    axis_release(&a);
    return 0;
}

static int resize_rows(const struct image *src, int h, const struct filter *f,
                       struct image *ret_img, struct err *e)
{
    int32_t *sums;
    struct axis a;

    if (h == src->h)
        return image_copy(src, ret_img, e);
    if (image_new(src->w, h, src->channels, ret_img, e))
        return -1;
    sums = mem_alloc(image_row_bytes(src), sizeof *sums);
    if (!sums || axis_init(&a, src->h, h, f, e)) {
        mem_free(sums);
        image_release(ret_img);
        return sums ? -1 : err_set(e, ERR_NOMEM, "image: no memory to resize to %d rows", h);
    }
    resample_rows(&a, src, ret_img, sums);
    axis_release(&a);
    mem_free(sums);
    return 0;
}

static uint8_t divide_255(int v)
{
    return (uint8_t)((v + 128 + ((v + 128) >> 8)) >> 8);
}

static void alpha_multiply(struct image *img)
{
    uint8_t *end = img->px + (size_t)img->w * (size_t)img->h * 4;

    for (uint8_t *p = img->px; p < end; p += 4)
        for (int c = 0; c < 3; c++)
            p[c] = divide_255(p[c] * p[3]);
}

static void alpha_divide(struct image *img)
{
    uint8_t *end = img->px + (size_t)img->w * (size_t)img->h * 4;

    for (uint8_t *p = img->px; p < end; p += 4)
        for (int c = 0; c < 3 && p[3] != 0; c++) {
            int v = 255 * p[c] / p[3];
            p[c] = (uint8_t)(v > 255 ? 255 : v);
        }
}

static int resize(const struct image *src, int w, int h, const struct filter *f,
                  struct image *ret_img, struct err *e)
{
    struct image wide;
    int status;

    if (resize_columns(src, w, f, &wide, e))
        return -1;
    status = resize_rows(&wide, h, f, ret_img, e);
    image_release(&wide);
    return status;
}

static int resize_alpha(const struct image *src, int w, int h, const struct filter *f,
                        struct image *ret_img, struct err *e)
{
    struct image premultiplied;
    int status;

    if (image_copy(src, &premultiplied, e))
        return -1;
    alpha_multiply(&premultiplied);
    status = resize(&premultiplied, w, h, f, ret_img, e);
    image_release(&premultiplied);
    if (!status)
        alpha_divide(ret_img);
    return status;
}

int image_resize(const struct image *src, int w, int h, enum image_filter filter,
                 struct image *ret_img, struct err *e)
{
    const struct filter *f = &FILTERS[filter];

    if (w == src->w && h == src->h)
        return image_copy(src, ret_img, e);
    return src->channels == 4 ? resize_alpha(src, w, h, f, ret_img, e)
                              : resize(src, w, h, f, ret_img, e);
}
