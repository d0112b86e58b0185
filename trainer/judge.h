/*
 * Judges of generated pictures that look at pixels only. Pictures are RGB, [side, side, 3].
 */
#ifndef TRAINER_JUDGE_H
#define TRAINER_JUDGE_H

#include "trainer/dataset.h"

/* The background whose colour is nearest to the median colour of the picture's border (2 pixels
 * wide). */
int judge_background(const struct image *img);

/*
 * Rank (0: nearest) of `object` among all objects, by squared pixel distance between the picture
 * and each object drawn in the middle of the same background, at a quarter of the side so that a
 * shift by a pixel or two counts little. -1 with e set on failure.
 */
struct judge;
int judge_new(const struct dataset *ds, struct judge **ret_judge, struct err *e);
void judge_free(struct judge *j);
int judge_object_rank(struct judge *j, const struct image *img, int object, int background,
                      struct err *e);

#endif
