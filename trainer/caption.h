/*
 * Words for scenes. Lower case, plain ASCII apostrophes, "a"/"an" by sound, no article before
 * plurals. A folder's captions are its own, one of the picture's lines each time.
 *
 * Text is appended to a buf: its failure is sticky, ask with buf_check.
 */
#ifndef TRAINER_CAPTION_H
#define TRAINER_CAPTION_H

#include "base/buf.h"
#include "base/rng.h"
#include "trainer/augment.h"
#include "trainer/dataset.h"

#define CAPTION_MAX 4096 /* bytes; enough for the longest */

enum caption_template {
    CAPTION_NAME,       /* strawberry */
    CAPTION_PICTURE,    /* a picture of a strawberry */
    CAPTION_BACKGROUND, /* a strawberry on a blue background */
    CAPTION_KEYWORDS,   /* strawberry, berry, fruit */
    CAPTION_PARAPHRASE, /* berry: strawberry on blue */
    CAPTION_TEMPLATES,
};

/* How often each template is drawn, relative to the others; not all 0. */
struct caption_options {
    double weight[CAPTION_TEMPLATES];
};
/* 1, 1, 3, 1, 0: half with the colour; the paraphrase is kept for evaluation */
extern const struct caption_options caption_options_default;

/* A caption of a scene. Two objects: "a cat next to an apple on a blue background". */
void caption_draw(const struct dataset *ds, const struct scene *s, const struct caption_options *o,
                  struct rng *r, struct buf *out);
/* The form that evaluation asks for: "a cat on a blue background". background -1: "a cat". */
void caption_prompt(const struct dataset *ds, int object, int background, struct buf *out);
/* One line a caption, every name, keyword, template and colour: what a vocabulary is learned from.
 */
void caption_corpus(const struct dataset *ds, struct buf *out);

#endif
