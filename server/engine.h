/*
 * What the server needs of a model, as a table of calls: engine_model.c fills it with the real
 * networks, tests/server/engine_fake.c with a few lines of arithmetic, so that the whole path from
 * socket to socket is tested in milliseconds.
 *
 * One thread (the device thread) makes all calls but tokenize, fit_image and fit_picture, which any
 * thread may make.
 */
#ifndef SERVER_ENGINE_H
#define SERVER_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/image.h"
#include "model/bundle.h"
#include "model/generate.h"

/* Fixed from open to close. */
struct engine_info {
    char model[BUNDLE_NAME_MAX];
    char device[360];                 /* for people: as kernels/device.h says it */
    int embed_dim;                    /* E: values of a CLIP embedding */
    int context;                      /* token ids of a prompt */
    int tokens;                       /* of a picture, row by row */
    int columns;                      /* tokens of a row */
    int codebook;                     /* tokens are 0..codebook - 1 */
    int side;                         /* of a picture, in pixels */
    int rows;                         /* of a step: a picture with guidance takes two */
    size_t weights_bytes, work_bytes; /* device memory: of parameters; of caches and activations */
    uint64_t version;                 /* another one when a file of the bundle has been replaced */
    struct bundle_sampling sampling;
};

/* All that it takes. */
static inline size_t engine_bytes(const struct engine_info *info)
{
    return info->weights_bytes + info->work_bytes;
}

struct engine;

struct engine_calls {
    /* Text -> ret_ids[context], *ret_end: index of the end id. Any thread. */
    int (*tokenize)(const struct engine *g, const char *text, size_t n, int32_t *ret_ids,
                    int *ret_end, struct err *e);
    /* An image prompt -> the few pixels of it that embed_image looks at. Any thread. */
    int (*fit_image)(const struct engine *g, const struct image *img, struct image *ret_img,
                     struct err *e);
    /* A picture to be encoded -> the square that encode looks at. Any thread. */
    int (*fit_picture)(const struct engine *g, const struct image *img, struct image *ret_img,
                       struct err *e);
    /* -> unit CLIP embedding [E]. */
    int (*embed_text)(struct engine *g, const int32_t *ids, int end, float *ret_embed,
                      struct err *e);
    int (*embed_image)(struct engine *g, const struct image *img, float *ret_embed, struct err *e);
    /* Unit embedding [E] -> condition [E], which may be mixed with others (model/mix.h). */
    int (*condition)(struct engine *g, const float *embed, enum gen_source source, float *ret_cond,
                     struct err *e);
    /* Rows nobody uses, and rows a picture with these settings takes. */
    int (*rows_free)(const struct engine *g);
    int (*rows_needed)(const struct engine *g, const struct gen_settings *s);
    /* Starts a picture; *ret_slot names it until drop. negative: the condition that guidance leads
     * away from, or NULL. BUSY when rows are missing. */
    int (*admit)(struct engine *g, const float *cond, const float *negative,
                 const struct gen_settings *s, int *ret_slot, struct err *e);
    /* One more token for every unfinished slot. */
    int (*step)(struct engine *g, struct err *e);
    /* Tokens that the slot has; all of them when it equals info.tokens. */
    int (*position)(const struct engine *g, int slot);
    /* Borrowed until drop. */
    const int32_t *(*tokens)(const struct engine *g, int slot);
    void (*drop)(struct engine *g, int slot);
    /* All tokens of a picture -> its pixels, and the way back. */
    int (*decode)(struct engine *g, const int32_t *tokens, struct image *ret_img, struct err *e);
    int (*encode)(struct engine *g, const struct image *img, int32_t *ret_tokens, struct err *e);
    void (*close)(struct engine *g);
};

struct engine {
    const struct engine_calls *calls;
    struct engine_info info;
};

/* Where engines come from. Any thread, also while other engines work. */
struct engine_source {
    /* What the bundle in a directory is and will take, without taking it. */
    int (*plan)(const void *ctx, const char *path, struct engine_info *ret_info, struct err *e);
    int (*open)(const void *ctx, const char *path, struct engine **ret_engine, struct err *e);
    const void *ctx; /* for both; borrowed */
};

#endif
