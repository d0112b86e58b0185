#include "trainer/judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "trainer/augment.h"

#define JUDGE_SIDE 16 /* pictures are compared at this side */
#define JUDGE_DRAWN 64
#define BORDER 2

/* ---- background ---- */

static int compare_u8(const void *a, const void *b)
{
    return *(const uint8_t *)a - *(const uint8_t *)b;
}

static bool on_border(const struct image *img, int x, int y)
{
    return x < BORDER || y < BORDER || x >= img->w - BORDER || y >= img->h - BORDER;
}

/* Median of one channel over the border. */
static int border_median(const struct image *img, int channel)
{
    uint8_t values[4 * BORDER * SCENE_SIDE_MAX];
    size_t n = 0;
    for (int y = 0; y < img->h; y++)
        for (int x = 0; x < img->w && n < sizeof values; x++)
            if (on_border(img, x, y))
                values[n++] =
                    img->px[((size_t)y * (size_t)img->w + (size_t)x) * 3 + (size_t)channel];
    qsort(values, n, 1, compare_u8);
    return values[n / 2];
}

int judge_background(const struct image *img)
{
    int colour[3], best = 0, best_distance = INT32_MAX;
    for (int c = 0; c < 3; c++)
        colour[c] = border_median(img, c);
    for (int b = 0; b < DATASET_BACKGROUNDS; b++) {
        int distance = 0;
        for (int c = 0; c < 3; c++) {
            int d = colour[c] - dataset_backgrounds[b].rgb[c];
            distance += d * d;
        }
        if (distance < best_distance) {
            best_distance = distance;
            best = b;
        }
    }
    return best;
}

/* ---- object ---- */

#define SMALL (JUDGE_SIDE * JUDGE_SIDE * 3)

struct judge {
    const struct dataset *ds;
    int background; /* that `drawn` shows; -1: none yet */
    uint8_t *drawn; /* [n, JUDGE_SIDE, JUDGE_SIDE, 3] every object on it */
};

int judge_new(const struct dataset *ds, struct judge **ret_judge, struct err *e)
{
    struct judge *j = mem_alloc(1, sizeof *j);
    if (!j)
        return err_set(e, ERR_NOMEM, "judge: no memory");
    *j = (struct judge){ .ds = ds, .background = -1 };
    j->drawn = mem_alloc((size_t)ds->n, SMALL);
    if (!j->drawn) {
        judge_free(j);
        return err_set(e, ERR_NOMEM, "judge: no memory for %d objects", ds->n);
    }
    *ret_judge = j;
    return 0;
}

void judge_free(struct judge *j)
{
    if (!j)
        return;
    mem_free(j->drawn);
    mem_free(j);
}

static int shrink(const struct image *img, uint8_t *dst, struct err *e)
{
    struct image small;
    if (image_resize(img, JUDGE_SIDE, JUDGE_SIDE, IMAGE_BOX, &small, e))
        return -1;
    memcpy(dst, small.px, SMALL);
    image_release(&small);
    return 0;
}

static int draw_all(struct judge *j, int background, struct err *e)
{
    struct image img;
    int failed = image_new(JUDGE_DRAWN, JUDGE_DRAWN, 3, &img, e);
    if (failed)
        return -1;
    for (int i = 0; i < j->ds->n && !failed; i++) {
        struct scene scene;
        scene_plain(j->ds, i, background, &scene);
        failed = scene_render(j->ds, &scene, JUDGE_DRAWN, img.px, e) ||
                 shrink(&img, j->drawn + (size_t)i * SMALL, e);
    }
    image_release(&img);
    j->background = failed ? -1 : background;
    return failed ? -1 : 0;
}

static int distance(const uint8_t *a, const uint8_t *b)
{
    int sum = 0;
    for (int i = 0; i < SMALL; i++) {
        int d = a[i] - b[i];
        sum += d * d;
    }
    return sum;
}

int judge_object_rank(struct judge *j, const struct image *img, int object, int background,
                      struct err *e)
{
    uint8_t small[SMALL];
    if (j->background != background && draw_all(j, background, e))
        return -1;
    if (shrink(img, small, e))
        return -1;
    int own = distance(small, j->drawn + (size_t)object * SMALL);
    int rank = 0;
    for (int i = 0; i < j->ds->n; i++)
        rank += i != object && distance(small, j->drawn + (size_t)i * SMALL) < own;
    return rank;
}
