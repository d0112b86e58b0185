/*
 * A data set on disk and in memory.
 *
 * The `data` stage writes a directory: manifest.json (where every picture comes from, its names and
 * captions), pictures.bin (pixels, one picture after the other) and LICENSES. Training opens it;
 * the pixels are mapped, not read, so that a folder of any size opens at once.
 *
 * Two kinds. DATASET_EMOJI: drawings with transparent surroundings, put on one of the 12 named
 * backgrounds when a scene is rendered (trainer/augment.h). DATASET_FOLDER: a user's pictures, with
 * captions of their own; no background, nothing is composed.
 *
 * Immutable after open: any thread.
 */
#ifndef TRAINER_DATASET_H
#define TRAINER_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "base/image.h"

#define DATASET_SIDE_MAX 1024     /* longest side of a stored picture */
#define DATASET_ITEMS_MAX 4000000 /* pictures in one set */
#define DATASET_KEYWORDS_MAX 64   /* of one picture; also captions of one picture */
#define DATASET_BACKGROUNDS 12

struct dataset_background {
    const char *name;
    uint8_t rgb[3];
};
/* White first; the order is part of the captions' and the splits' definition. */
extern const struct dataset_background dataset_backgrounds[DATASET_BACKGROUNDS];

enum dataset_kind { DATASET_EMOJI, DATASET_FOLDER, DATASET_KINDS };

struct dataset_item {
    char *key;       /* "u1f353.png", or the file's name in a folder; unique */
    char *name;      /* "strawberry", lower case; a folder's: the file's name in words */
    char *group;     /* "Food & Drink"; "" in a folder */
    char *subgroup;  /* "food-fruit"; "" in a folder */
    char *source;    /* where the pixels come from */
    char **keywords; /* never the name itself */
    int n_keywords;
    char **captions; /* lines of name.txt beside the picture; none for emoji */
    int n_captions;
    struct image image;   /* RGBA (emoji) or RGB (folder): a view of the map, not to be released */
    bool flippable;       /* its mirror image still is what its name says */
    bool held_out_object; /* kept for tests when whole objects are held out: 1 of 20 by hash */
    uint8_t mean_rgb[3];  /* mean colour of what is opaque */
    uint16_t held_out_on; /* bit b: the combination with background b is kept for tests */
    uint16_t low_contrast_on; /* bit b: background b is too near to mean_rgb to show it */
};

struct dataset {
    enum dataset_kind kind;
    int n;
    struct dataset_item *item; /* [n] */
    struct file_map pictures;  /* what the images point into */
};

int dataset_open(const char *dir, struct dataset **ret_ds, struct err *e);
void dataset_close(struct dataset *ds);

/* Frees the strings of an item that is being made. */
void dataset_item_release(struct dataset_item *item);

bool dataset_combination_held_out(const struct dataset *ds, int object, int background);
/* Index of a background by name, -1 for another word. */
int dataset_background_find(const char *name);

#endif
