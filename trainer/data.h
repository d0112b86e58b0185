/*
 * The `data` stage: builds a data set's directory (trainer/dataset.h) from what it is made of.
 */
#ifndef TRAINER_DATA_H
#define TRAINER_DATA_H

#include "base/err.h"

/* Where Debian's fonts-noto-color-emoji, unicode-data and unicode-cldr-core put them. */
#define DATA_EMOJI_FONT "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
#define DATA_EMOJI_TEST "/usr/share/unicode/emoji/emoji-test.txt"
#define DATA_CLDR_DIR "/usr/share/unicode/cldr/common"

/* The default set: 1,194 emoji. NULL means Debian's path. */
int data_build_emoji(const char *font, const char *emoji_test, const char *cldr_dir,
                     const char *out_dir, struct err *e);

/*
 * A plain folder of PNG, JPEG and WebP, each with optional captions beside it, one a line (cat.jpg,
 * cat.txt). Pictures are stored with a short side of at most side_max pixels. A picture that
 * cannot be read is left out with a warning in the log; none at all is an error.
 */
int data_build_folder(const char *in_dir, const char *out_dir, int side_max, struct err *e);

#endif
