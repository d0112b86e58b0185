/*
 * The passes of generation, each on a bundle's networks: embed, condition, one step of many
 * sequences, decode. All memory is taken at init, sized by planning the largest of each pass.
 * Private to model/.
 */
#ifndef MODEL_GEN_NET_H
#define MODEL_GEN_NET_H

#include "kernels/kv.h"
#include "model/gen_graph.h"
#include "model/generate.h"

/* One number of a step, as it goes to the device. */
union gen_word {
    int32_t i;
    float f;
};

struct gen_net {
    struct bundle *b; /* borrowed */
    int rows;         /* of a step, at most */
    int stride;       /* words of a column */
    struct kv kv;
    struct arena arena;
    struct gen_graphs graphs;
    union gen_word *words; /* [columns, stride]: what a step is told, one upload */
    float *cond;           /* [rows, E]: the conditions of sequences that begin */
};

/* One sequence of a step. */
struct gen_line {
    int row, null_row;            /* of the cache; null_row -1: no guidance */
    int position;                 /* to be drawn now */
    int32_t last;                 /* the token before it; unused at position 0 */
    const float *cond, *negative; /* [E]; used at position 0; negative NULL: null condition */
    const struct gen_settings *settings;
};

/* Device bytes that gen_net_init takes; b may have shapes alone (bundle_plan). */
int gen_net_plan(struct bundle *b, int rows, size_t *ret_bytes, struct err *e);
int gen_net_init(struct gen_net *net, struct bundle *b, int rows, struct err *e);
void gen_net_release(struct gen_net *net);

/* -> unit embedding [E] */
int gen_net_text(struct gen_net *net, const int32_t *ids, int end, float *ret_embed, struct err *e);
/* img: RGB, already of CLIP's size */
int gen_net_image(struct gen_net *net, const struct image *img, float *ret_embed, struct err *e);
/* unit embedding [E] -> condition [E] */
int gen_net_condition(struct gen_net *net, const float *embed, enum gen_source source,
                      float *ret_cond, struct err *e);
/* Draws one token for each of n sequences. All are at position 0, or none is. */
int gen_net_step(struct gen_net *net, const struct gen_line *lines, int n, int32_t *ret_tokens,
                 struct err *e);
/* img: RGB of the picture's size -> its tokens */
int gen_net_encode(struct gen_net *net, const struct image *img, int32_t *ret_tokens,
                   struct err *e);
/* tokens of one picture -> pixels of img, which is RGB and has the picture's size */
int gen_net_decode(struct gen_net *net, const int32_t *tokens, struct image *img, struct err *e);

#endif
