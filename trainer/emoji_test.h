/*
 * Unicode's emoji-test.txt, line by line:
 *     # group: Food & Drink
 *     # subgroup: food-fruit
 *     1F353          ; fully-qualified     # X E0.6 strawberry          (X: the emoji itself)
 *
 *     struct emoji_test t = { .next = text };
 *     while ((rc = emoji_test_next(&t, &line, e)) > 0) ...
 */
#ifndef TRAINER_EMOJI_TEST_H
#define TRAINER_EMOJI_TEST_H

#include <stdint.h>

#include "base/err.h"
#include "trainer/emoji_font.h"

#define EMOJI_TEST_WORDS_MAX 128 /* bytes of a name, group or subgroup */

struct emoji_test {
    const char *next; /* terminated text */
    int line;
    char group[EMOJI_TEST_WORDS_MAX], subgroup[EMOJI_TEST_WORDS_MAX];
};

struct emoji_line {
    uint32_t code_points[EMOJI_FONT_SEQUENCE_MAX]; /* as written: U+FE0F and U+200D included */
    int n_code_points;
    char name[EMOJI_TEST_WORDS_MAX];
};

/* 1: the next fully-qualified emoji; its group and subgroup are in t. 0: the end. -1: an error that
 * names the line. */
int emoji_test_next(struct emoji_test *t, struct emoji_line *ret_line, struct err *e);

#endif
