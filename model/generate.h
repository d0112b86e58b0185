/*
 * Generation: slots at different positions in one batch, one KV cache slab, one step = one position
 * of every live slot. Tokens of a slot depend on its condition, settings and seed only: never on
 * other slots, admission order or threads. (Kernels of another instruction set round differently.)
 *
 *     gen_condition(g, embed, GEN_TEXT, cond, e);
 *     gen_admit(g, cond, NULL, &settings, &slot, e); many, at any time between steps
 *     while (gen_live(g)) gen_step(g, e);
 *     gen_image(g, slot, &image, e); gen_drop(g, slot);
 *
 * One thread (the device thread). With guidance > 1 a sequence takes two rows (with and without
 * condition).
 */
#ifndef MODEL_GENERATE_H
#define MODEL_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/image.h"
#include "model/bundle.h"

struct gen_settings {
    uint64_t seed;
    float temperature; /* 0: greedy */
    int top_k;         /* 0: all */
    float top_p;       /* 1: all */
    float guidance;    /* 1: none; otherwise what it leads away from must be known: gen_admit */
};

struct gen;

#define GEN_ROWS_MAX                                                                               \
    128 /* of a step: as many as keep their bytes in any company (OP_LINEAR_ROWS) */

/* rows: most rows of a step; a sequence with guidance needs 2. All memory is taken here. */
int gen_new(struct bundle *b, int rows, struct gen **ret_gen, struct err *e);
void gen_free(struct gen *g);
/* Device bytes that gen_new takes (caches, activations of a step, the decoder). */
size_t gen_bytes(const struct gen *g);
/* The same before it does; b: opened, or only planned (bundle_plan). */
int gen_plan(struct bundle *b, int rows, size_t *ret_bytes, struct err *e);

/* The square of a picture that CLIP looks at: over white, bicubic, centre crop. Any thread. */
int gen_fit_image(const struct gen *g, const struct image *img, struct image *ret_square,
                  struct err *e);

/* The square of a picture that gen_encode looks at, as large as the pictures that are drawn: over
 * white, bilinear, centre crop. Any thread. */
int gen_fit_picture(const struct gen *g, const struct image *img, struct image *ret_square,
                    struct err *e);

/* Embeddings on the device thread: unit CLIP embeddings [E] on the host. ids as tokenizer_encode
 * gives them; end: index of the end token. image: any size, fitted here if it is not yet. */
int gen_embed_text(struct gen *g, const int32_t *ids, int end, float *ret_embed, struct err *e);
int gen_embed_image(struct gen *g, const struct image *img, float *ret_embed, struct err *e);

enum gen_source { GEN_TEXT, GEN_IMAGE }; /* whose mean the condition is centred with */

/* Unit embedding [E] -> condition [E], a unit vector. Several conditions may be mixed:
 * model/mix.h. */
int gen_condition(struct gen *g, const float *embed, enum gen_source source, float *ret_cond,
                  struct err *e);

/* Rows free now; what settings would take. */
int gen_rows_free(const struct gen *g);
int gen_rows_needed(const struct gen_settings *s);
/* cond: condition [E]. negative: the condition that guidance leads away from; NULL: the bundle's
 * null condition (UNSUPPORTED if it has none and there is guidance). Both are copied. BUSY when no
 * rows are free. *ret_slot: handle until gen_drop. */
int gen_admit(struct gen *g, const float *cond, const float *negative, const struct gen_settings *s,
              int *ret_slot, struct err *e);
/* One position of every unfinished slot. */
int gen_step(struct gen *g, struct err *e);
int gen_live(const struct gen *g);               /* unfinished slots */
int gen_position(const struct gen *g, int slot); /* tokens so far */
bool gen_done(const struct gen *g, int slot);
/* Tokens so far (tokens a picture when done); borrowed until gen_drop. */
const int32_t *gen_tokens(const struct gen *g, int slot);
/* Decodes a finished slot's tokens to pixels. */
int gen_image(struct gen *g, int slot, struct image *ret_img, struct err *e);
/* The same for any tokens [tokens a picture]. */
int gen_decode(struct gen *g, const int32_t *tokens, struct image *ret_img, struct err *e);
/* The way back: a picture of any size, fitted here if it is not yet -> ret_tokens [tokens a
 * picture]. */
int gen_encode(struct gen *g, const struct image *img, int32_t *ret_tokens, struct err *e);
void gen_drop(struct gen *g, int slot);

#endif
