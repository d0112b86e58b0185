/*
 * Which emoji the default data set shows, and what they are called: Unicode's list, less the people
 * that differ in skin, hair and sex alone, flags, signs and clock faces; keywords from CLDR.
 */
#ifndef TRAINER_EMOJI_SET_H
#define TRAINER_EMOJI_SET_H

#include <stdint.h>

#include "base/err.h"
#include "trainer/dataset.h"
#include "trainer/emoji_font.h"

struct emoji {
    uint32_t code_points[EMOJI_FONT_SEQUENCE_MAX];
    int n_code_points;
    struct dataset_item item; /* key, names, keywords, flippable; no picture yet */
};

struct emoji_set {
    struct emoji *emoji;
    int n;
    size_t cap;
};

/* emoji_test: path of emoji-test.txt. cldr_dir: see cldr_open. In the order of emoji-test.txt. */
int emoji_set_read(const char *emoji_test, const char *cldr_dir, struct emoji_set *ret_set,
                   struct err *e);
void emoji_set_release(struct emoji_set *set);

#endif
