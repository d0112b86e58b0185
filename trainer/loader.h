/*
 * Batches made ahead of time by background threads.
 *
 * Batch s is a function of (data set, options, s) alone: training that stopped after step s goes on
 * with loader_new(.., s + 1, ..) and sees exactly what it would have seen. Objects come in epochs,
 * a fresh shuffle each, so that a batch shows an object twice only where two epochs meet.
 */
#ifndef TRAINER_LOADER_H
#define TRAINER_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/tokenizer.h"
#include "trainer/augment.h"
#include "trainer/caption.h"
#include "trainer/dataset.h"

struct loader_options {
    int batch, side; /* pictures a batch; pixels a side */
    uint64_t seed;
    enum split split;
    struct scene_options scene;
    double alike; /* fraction of a batch's pictures that stand on one background, another one each
                     batch, where they may; 0..1 */
    int64_t plain_from; /* step from which every picture is plain (scene_plain); 0: none is. Two
                           objects stay as they are drawn */
    struct caption_options caption;
    const struct tokenizer *tokenizer; /* NULL: no captions, ids and end are NULL */
    int context;                       /* token ids a caption */
    int threads;                       /* that make batches, 1..16 */
    int ahead;                         /* batches kept ready, 1..64 */
};

struct batch {
    int64_t step;
    uint8_t *pixels;      /* [B, side, side, 3] */
    struct scene *scenes; /* [B] */
    int32_t *ids;         /* [B, context] */
    int32_t *end;         /* [B] index of the end token */
};

struct loader;

/* ds and the tokenizer must outlive the loader. o is copied. */
int loader_new(const struct dataset *ds, const struct loader_options *o, int64_t first_step,
               struct loader **ret_loader, struct err *e);
/* The next batch, valid until the next call. One caller at a time. */
int loader_next(struct loader *l, const struct batch **ret_batch, struct err *e);
void loader_free(struct loader *l);

#endif
