/*
 * Small data sets and a small font for the trainer's tests, so that they need no Debian package.
 */
#ifndef TESTS_TRAINER_TOYS_H
#define TESTS_TRAINER_TOYS_H

#include "base/buf.h"
#include "trainer/augment.h"
#include "trainer/dataset.h"

enum { TOY_OBJECTS = 60, TOY_SIDE = 40 };

/* Writes an emoji set into dir and opens it. Object i is a disc of TOY_SIDE pixels, its colour and
 * key made from i; the left half is darker. Every fourth is not to be mirrored. Some have names of
 * their own (toy_names), the others are "toy 17". Keywords of i: i % 4 of "kw0", "kw1", "kw2". */
struct dataset *toy_emoji_set(const char *dir);
/* The same with a folder's captions: n pictures of w x h pixels. */
struct dataset *toy_folder_set(const char *dir, int n, int w, int h);

extern const char *const toy_names[];
extern const int toy_n_names;

/* Field by field: structs have padding. */
bool toy_same_scene(const struct scene *a, const struct scene *b);

/*
 * A font of 4 glyphs: U+0041 is glyph 1, U+1F600..1F602 are 2..4; 2 + 3 make 4 (coverage format 1),
 * 3 + 2 + 2 make 1 (coverage format 2). The picture of glyph g is the text "picture g".
 */
void toy_font(struct buf *ret_font);

#endif
