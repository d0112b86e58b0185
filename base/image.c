#include "base/image.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

static uint8_t *pixel(const struct image *img, int x, int y)
{
    return image_row(img, y) + (size_t)x * (size_t)img->channels;
}

int image_check_size(uint32_t w, uint32_t h, size_t max_pixels, struct err *e)
{
    if (w > IMAGE_SIDE_MAX || h > IMAGE_SIDE_MAX)
        return err_set(e, ERR_TOO_LARGE, "%" PRIu32 " x %" PRIu32 " has a side over %d", w, h,
                       IMAGE_SIDE_MAX);
    if ((size_t)w * h > max_pixels)
        return err_set(e, ERR_TOO_LARGE, "%" PRIu32 " x %" PRIu32 " is %zu pixels, more than %zu",
                       w, h, (size_t)w * h, max_pixels);
    return 0;
}

int image_new(int w, int h, int channels, struct image *ret_img, struct err *e)
{
    struct image img = { w, h, channels, NULL };

    if (w < 1 || h < 1 || w > IMAGE_SIDE_MAX || h > IMAGE_SIDE_MAX)
        return err_set(e, ERR_INVALID, "image: %d x %d is outside 1..%d", w, h, IMAGE_SIDE_MAX);
    if (channels != 3 && channels != 4)
        return err_set(e, ERR_INVALID, "image: %d channels, not 3 or 4", channels);
    img.px = mem_alloc((size_t)h, image_row_bytes(&img));
    if (!img.px)
        return err_set(e, ERR_NOMEM, "image: no memory for %d x %d", w, h);
    *ret_img = img;
    return 0;
}

void image_release(struct image *img)
{
    mem_free(img->px);
    memset(img, 0, sizeof *img);
}

int image_copy(const struct image *src, struct image *ret_img, struct err *e)
{
    return image_crop(src, 0, 0, src->w, src->h, ret_img, e);
}

int image_crop(const struct image *src, int x, int y, int w, int h, struct image *ret_img,
               struct err *e)
{
    struct image img = { 0 };

    if (x < 0 || y < 0 || w < 1 || h < 1 || w > src->w - x || h > src->h - y)
        return err_set(e, ERR_INVALID, "image: crop %d x %d at %d, %d leaves the %d x %d picture",
                       w, h, x, y, src->w, src->h);
    if (image_new(w, h, src->channels, &img, e))
        return -1;
    for (int row = 0; row < h; row++)
        memcpy(pixel(&img, 0, row), pixel(src, x, y + row), image_row_bytes(&img));
    *ret_img = img;
    return 0;
}

/* half of d, halves to the even neighbour: torchvision centres with Python's round() */
static int half_to_even(int d)
{
    int half = d / 2;

    return d % 2 ? half + half % 2 : half;
}

int image_crop_centre(const struct image *src, int side, struct image *ret_img, struct err *e)
{
    int x = half_to_even(src->w - side), y = half_to_even(src->h - side);

    return image_crop(src, x, y, side, side, ret_img, e);
}

int image_fit_square(const struct image *src, int side, enum image_filter filter,
                     struct image *ret_img, struct err *e)
{
    int shorter = src->w < src->h ? src->w : src->h;
    struct image scaled = { 0 };
    int status;

    if (side < 1 || side > IMAGE_SIDE_MAX)
        return err_set(e, ERR_INVALID, "image: side %d is outside 1..%d", side, IMAGE_SIDE_MAX);
    if (image_resize(src, side * src->w / shorter, side * src->h / shorter, filter, &scaled, e))
        return -1;
    status = image_crop_centre(&scaled, side, ret_img, e);
    image_release(&scaled);
    return status;
}

/* c over under, alpha of 255, rounded */
static uint8_t mix(uint8_t c, uint8_t under, uint8_t alpha)
{
    return (uint8_t)((c * alpha + under * (255 - alpha) + 127) / 255);
}

/* n pixels of from (channels 3 or 4) onto RGB. */
static void draw_row(uint8_t *to, const uint8_t *from, int channels, int n)
{
    for (int x = 0; x < n; x++, to += 3, from += channels)
        for (int c = 0; c < 3; c++)
            to[c] = channels == 4 ? mix(from[c], to[c], from[3]) : from[c];
}

void image_draw(struct image *dst, const struct image *src, int x, int y)
{
    int left = x < 0 ? -x : 0, top = y < 0 ? -y : 0;
    int right = src->w < dst->w - x ? src->w : dst->w - x;
    int bottom = src->h < dst->h - y ? src->h : dst->h - y;

    for (int row = top; row < bottom && left < right; row++)
        draw_row(pixel(dst, x + left, y + row), pixel(src, left, row), src->channels, right - left);
}

static void fill(struct image *img, const uint8_t rgb[3])
{
    for (size_t i = 0; i < (size_t)img->h * image_row_bytes(img); i += 3)
        memcpy(img->px + i, rgb, 3);
}

int image_flatten(const struct image *src, const uint8_t rgb[3], struct image *ret_img,
                  struct err *e)
{
    struct image img = { 0 };

    if (image_new(src->w, src->h, 3, &img, e))
        return -1;
    fill(&img, rgb);
    image_draw(&img, src, 0, 0);
    *ret_img = img;
    return 0;
}

static int check_grid(const struct image *imgs, int n, int columns, int gap, struct err *e)
{
    if (n < 1 || columns < 1 || gap < 0 || gap > IMAGE_SIDE_MAX)
        return err_set(e, ERR_INVALID, "image: no grid of %d pictures in %d columns, gap %d", n,
                       columns, gap);
    for (int i = 1; i < n; i++)
        if (imgs[i].w != imgs[0].w || imgs[i].h != imgs[0].h)
            return err_set(e, ERR_INVALID,
                           "image: picture %d of the grid is %d x %d, the first %d x %d", i,
                           imgs[i].w, imgs[i].h, imgs[0].w, imgs[0].h);
    return 0;
}

/* Length of n cells with gaps between; over IMAGE_SIDE_MAX when too long, so that image_new refuses
 * it. */
static int grid_length(int n, int cell, int gap)
{
    int64_t length = (int64_t)n * (cell + gap) - gap;

    return length > IMAGE_SIDE_MAX ? IMAGE_SIDE_MAX + 1 : (int)length;
}

int image_grid(const struct image *imgs, int n, int columns, int gap, struct image *ret_img,
               struct err *e)
{
    static const uint8_t WHITE[3] = { 255, 255, 255 };
    struct image sheet = { 0 };
    int rows;

    if (check_grid(imgs, n, columns, gap, e))
        return -1;
    columns = columns > n ? n : columns;
    rows = (n - 1) / columns + 1;
    if (image_new(grid_length(columns, imgs->w, gap), grid_length(rows, imgs->h, gap), 3, &sheet,
                  e))
        return -1;
    fill(&sheet, WHITE);
    for (int i = 0; i < n; i++)
        image_draw(&sheet, &imgs[i], i % columns * (imgs[i].w + gap),
                   i / columns * (imgs[i].h + gap));
    *ret_img = sheet;
    return 0;
}
