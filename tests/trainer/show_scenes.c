/*
 * show_scenes DATA-DIR SHEET.png [SEED [FIRST-OBJECT]]: 100 training scenes as one picture, their
 * captions on stdout, row by row; to be looked at. With FIRST-OBJECT, 100 objects in order instead,
 * each plain, with a mark at those that are never mirrored.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/png.h"
#include "trainer/augment.h"
#include "trainer/caption.h"
#include "trainer/dataset.h"

enum { COLUMNS = 10, SCENES = 100, SIDE = 64, GAP = 2 };

static void draw_any(const struct dataset *ds, uint64_t seed, int i, struct scene *s,
                     struct buf *words)
{
    struct rng r = { .seed = seed, .stream = (uint64_t)i };
    struct scene_options o = scene_options_default;
    int *objects, n;

    if (scene_objects(ds, SPLIT_TRAIN, &o, &objects, &n, NULL))
        return;
    scene_draw(ds, objects[rng_below(&r, (uint32_t)n)], SPLIT_TRAIN, &o, &r, s);
    caption_draw(ds, s, &caption_options_default, &r, words);
    mem_free(objects);
}

static void draw_in_order(const struct dataset *ds, int object, struct scene *s, struct buf *words)
{
    int background = 0;

    while (background < DATASET_BACKGROUNDS - 1 &&
           (ds->item[object].low_contrast_on >> background & 1))
        background++;
    scene_plain(ds, object, background, s);
    caption_prompt(ds, object, -1, words);
    buf_puts(words, ds->item[object].flippable ? "" : " (not mirrored)");
}

static int show(const struct dataset *ds, uint64_t seed, int first, const char *path, struct err *e)
{
    struct image imgs[SCENES] = { { 0 } }, sheet = { 0 };
    int rc = 0;

    for (int i = 0; i < SCENES && !rc; i++) {
        struct scene s = { 0 };
        struct buf words;
        buf_init(&words, CAPTION_MAX);
        if (first < 0)
            draw_any(ds, seed, i, &s, &words);
        else
            draw_in_order(ds, (first + i) % ds->n, &s, &words);
        printf("%d.%d %s\n", i / COLUMNS, i % COLUMNS, words.len ? words.data : "");
        buf_release(&words);
        rc = image_new(SIDE, SIDE, 3, &imgs[i], e) || scene_render(ds, &s, SIDE, imgs[i].px, e);
    }
    if (!rc)
        rc = image_grid(imgs, SCENES, COLUMNS, GAP, &sheet, e) || png_write(&sheet, path, e);
    for (int i = 0; i < SCENES; i++)
        image_release(&imgs[i]);
    image_release(&sheet);
    return rc ? -1 : 0;
}

static int run(int argc, char **argv, struct err *e)
{
    struct dataset *ds;
    uint64_t seed = 1;
    int64_t first = -1;
    int rc;

    if ((argc > 3 && num_parse_u64(argv[3], "SEED", &seed, e)) ||
        (argc > 4 && num_parse_int(argv[4], "FIRST-OBJECT", 0, 1000000, &first, e)) ||
        dataset_open(argv[1], &ds, e))
        return -1;
    rc = show(ds, seed, (int)first, argv[2], e);
    dataset_close(ds);
    return rc;
}

int main(int argc, char **argv)
{
    struct err e;

    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: show_scenes DATA-DIR SHEET.png [SEED [FIRST-OBJECT]]\n");
        return 2;
    }
    if (run(argc, argv, &e)) {
        fprintf(stderr, "show_scenes: %s\n", e.msg);
        return 1;
    }
    return 0;
}
