/*
 * Scenes: which object stands where on which background, drawn from random numbers, and rendered
 * to pixels when a batch is made. A folder's picture is cropped at random instead.
 *
 *     scene_objects(ds, SPLIT_TRAIN, &o, &list, &n, e)         once
 *     scene_draw(ds, list[k], SPLIT_TRAIN, &o, &rng, &scene)    for each picture
 *     scene_render(ds, &scene, 64, pixels, e)
 *
 * SPLIT_TRAIN never shows a held-out combination of object and background, SPLIT_HELD_OUT shows
 * nothing else (one object a scene). In a folder the split is by picture. Both avoid backgrounds
 * that the object would vanish on. Any thread.
 */
#ifndef TRAINER_AUGMENT_H
#define TRAINER_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"
#include "trainer/dataset.h"

#define SCENE_SIDE_MAX 1024

enum split { SPLIT_TRAIN, SPLIT_HELD_OUT };

struct scene_options {
    double pair_probability;   /* of a second object; 0..1 */
    double size_min, size_max; /* an object's longer side, part of the frame: 0.75, 0.97 */
    double crop_min;           /* folder: least part of the largest square that a crop keeps: 0.8 */
    bool flip;                 /* mirror half of what may be mirrored */
    uint16_t prefer;       /* emoji: backgrounds to take where they are allowed, as bits; 0: any */
    bool hold_out_objects; /* emoji: never train on the held-out objects */
};
/* pairs 0.1, sizes 0.75..0.97, crop 0.8, flips, all objects trained */
extern const struct scene_options scene_options_default;

/* Centre and longer side, as parts of the frame's side. */
struct scene_place {
    float x, y, size;
    bool flip;
};

struct scene {
    int object, second;         /* second -1: one object. With two, the first stands left */
    bool plain;                 /* scene_plain made it: a function of object and background */
    int background;             /* index of dataset_backgrounds; -1 in a folder */
    struct scene_place at[2];   /* emoji: of object, of second */
    float crop_x, crop_y, crop; /* folder: a square of the stored picture, in its pixels */
    bool crop_flip;
};

/* Emoji: backgrounds that an object may be drawn on, as bits; 0: the split has no such scene. */
uint16_t scene_backgrounds(const struct dataset *ds, int object, enum split split,
                           const struct scene_options *o);
/* The objects of a split, ascending; at least one, else an error with words. mem_free. */
int scene_objects(const struct dataset *ds, enum split split, const struct scene_options *o,
                  int **ret_objects, int *ret_n, struct err *e);
/* A scene of an object of that list. */
void scene_draw(const struct dataset *ds, int object, enum split split,
                const struct scene_options *o, struct rng *r, struct scene *ret_scene);
/* Another background of the training split that the scene may stand on; its own where there is
 * none. Emoji only. */
int scene_other_background(const struct dataset *ds, const struct scene *s,
                           const struct scene_options *o, struct rng *r);
/* One object in the middle, at the middle size, on a background of choice: for evaluation sheets.
 */
void scene_plain(const struct dataset *ds, int object, int background, struct scene *ret_scene);

/* ret_rgb: [side, side, 3]. */
int scene_render(const struct dataset *ds, const struct scene *s, int side, uint8_t *ret_rgb,
                 struct err *e);

#endif
