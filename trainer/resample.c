#include "trainer/resample.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/*
 * One axis: the canvas pixels first..last-1 that the picture touches, and for each the picture
 * pixels it sees with their weights.
 */
struct axis {
    int first, last;
    int *start;    /* [side] first picture pixel */
    int *count;    /* [side] */
    float *weight; /* [side, taps]; in all 1 where the picture covers the filter */
    int taps;
};

static void axis_release(struct axis *a)
{
    mem_free(a->start);
    mem_free(a->count);
    mem_free(a->weight);
}

static float triangle(float x)
{
    x = fabsf(x);
    return x < 1 ? 1 - x : 0;
}

/*
 * The picture pixels that canvas pixel i sees. Weights are shares of the whole filter; with
 * `opaque`, of the part on the picture, so that an edge does not fade.
 */
static void fill_pixel(struct axis *a, int i, float centre, float radius, int length, bool opaque)
{
    int from = (int)ceilf(centre - radius - 0.5f), to = (int)floorf(centre + radius - 0.5f);
    float sum = 0, *weight = a->weight + (size_t)i * (size_t)a->taps;

    a->start[i] = from < 0 ? 0 : from;
    a->count[i] = 0;
    for (int j = from; j <= to; j++) {
        float w = triangle(((float)j + 0.5f - centre) / radius);
        bool inside = j >= 0 && j < length;
        if (inside)
            weight[a->count[i]++] = w;
        if (inside || !opaque)
            sum += w;
    }
    for (int k = 0; k < a->count[i]; k++)
        weight[k] /= sum > 0 ? sum : 1;
}

/* offset: of the picture on the canvas. length: of the picture, in its pixels. */
static int axis_fill(struct axis *a, int side, float offset, float scale, int length, bool flip,
                     bool opaque, struct err *e)
{
    float radius = scale < 1 ? 1 / scale : 1;

    a->taps = 2 * (int)ceilf(radius) + 1;
    a->start = mem_alloc((size_t)side, sizeof *a->start);
    a->count = mem_alloc((size_t)side, sizeof *a->count);
    a->weight = mem_alloc((size_t)side * (size_t)a->taps, sizeof *a->weight);
    if (!a->start || !a->count || !a->weight)
        return err_set(e, ERR_NOMEM, "no memory to scale a picture");
    a->first = side;
    a->last = 0;
    for (int i = 0; i < side; i++) {
        float centre = ((float)i + 0.5f - offset) / scale;
        if (centre <= -radius || centre >= (float)length + radius)
            continue;
        fill_pixel(a, i, flip ? (float)length - centre : centre, radius, length, opaque);
        if (a->count[i] == 0)
            continue;
        a->first = i < a->first ? i : a->first;
        a->last = i + 1;
    }
    return 0;
}

/* sum += weight * row, premultiplied; opacity 0..1 is the fourth channel. */
static void add_row(float *sum, const uint8_t *px, int w, int channels, float weight)
{
    const float by_alpha = weight / 255;

    if (channels == 3) {
        for (int x = 0; x < w; x++, px += 3, sum += 4) {
            sum[0] += weight * (float)px[0];
            sum[1] += weight * (float)px[1];
            sum[2] += weight * (float)px[2];
            sum[3] += weight;
        }
        return;
    }
    for (int x = 0; x < w; x++, px += 4, sum += 4) {
        float a = by_alpha * (float)px[3];
        sum[0] += a * (float)px[0];
        sum[1] += a * (float)px[1];
        sum[2] += a * (float)px[2];
        sum[3] += a;
    }
}

static uint8_t to_byte(float v)
{
    return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5f);
}

/* Filters one row along x and lays it over the canvas. */
static void blend_row(const struct axis *ax, const float *row, uint8_t *canvas)
{
    for (int x = ax->first; x < ax->last; x++) {
        const float *from = row + 4 * (size_t)ax->start[x];
        const float *weight = ax->weight + (size_t)x * (size_t)ax->taps;
        float sum[4] = { 0 };
        for (int k = 0; k < ax->count[x]; k++, from += 4)
            for (int c = 0; c < 4; c++)
                sum[c] += weight[k] * from[c];
        for (int c = 0; c < 3; c++)
            canvas[3 * x + c] = to_byte(sum[c] + (1 - sum[3]) * (float)canvas[3 * x + c]);
    }
}

/* The columns of the picture that the canvas sees: the others need no work. */
static void seen_columns(const struct axis *ax, int *ret_from, int *ret_to)
{
    int from = ax->start[ax->first], to = 0;

    for (int x = ax->first; x < ax->last; x++) {
        int end = ax->start[x] + ax->count[x];
        from = ax->start[x] < from ? ax->start[x] : from;
        to = end > to ? end : to;
    }
    *ret_from = from;
    *ret_to = to;
}

static void draw(const struct image *img, const struct axis *ax, const struct axis *ay, int side,
                 float *row, uint8_t *canvas)
{
    int from, to;

    if (ax->first >= ax->last)
        return;
    seen_columns(ax, &from, &to);
    for (int y = ay->first; y < ay->last; y++) {
        const float *weight = ay->weight + (size_t)y * (size_t)ay->taps;
        memset(row + 4 * (size_t)from, 0, 4 * (size_t)(to - from) * sizeof *row);
        for (int k = 0; k < ay->count[y]; k++)
            add_row(row + 4 * (size_t)from,
                    image_row(img, ay->start[y] + k) + (size_t)from * (size_t)img->channels,
                    to - from, img->channels, weight[k]);
        blend_row(ax, row, canvas + 3 * (size_t)y * (size_t)side);
    }
}

int resample_draw(const struct image *picture, const struct resample *r, int side, uint8_t *canvas,
                  struct err *e)
{
    bool opaque = picture->channels == 3;
    struct axis ax = { 0 }, ay = { 0 };
    float *row = mem_alloc((size_t)picture->w, 4 * sizeof *row);
    int rc = -1;

    if (!row)
        err_set(e, ERR_NOMEM, "no memory to scale a picture");
    else if (!axis_fill(&ax, side, r->left, r->scale, picture->w, r->flip, opaque, e) &&
             !axis_fill(&ay, side, r->top, r->scale, picture->h, false, opaque, e)) {
        draw(picture, &ax, &ay, side, row, canvas);
        rc = 0;
    }
    axis_release(&ax);
    axis_release(&ay);
    mem_free(row);
    return rc;
}
