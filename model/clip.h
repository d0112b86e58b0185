/*
 * CLIP (Radford et al., arXiv 2103.00020), ViT family, in OpenAI's naming and conventions:
 * openai/CLIP clip/model.py. Two towers, one space. Features are raw; normalise with op_l2norm(p,
 * x, CLIP_NORM_EPS).
 */
#ifndef MODEL_CLIP_H
#define MODEL_CLIP_H

#include "kernels/op.h"
#include "model/nn.h"
#include "model/param.h"

#define CLIP_NORM_EPS 1e-12f

struct clip_config {
    int embed_dim;
    struct {
        int size, patch, width, layers, heads;
    } image;
    struct {
        int context, vocab, width, layers, heads;
    } text;
    bool quick_gelu; /* x sigmoid(1.702 x); false: exact GELU (OpenCLIP) */
    bool bilinear;   /* pictures are resized so, not bicubic */
    float mean[3], std[3];
};

/* Ranges of every field; names the field, value and limit. */
int clip_config_check(const struct clip_config *c, struct err *e);

struct clip {
    struct clip_config config;
    /* image tower */
    struct tensor *patch; /* visual.conv1.weight [W, P, P, 3], no bias */
    struct tensor *class_embedding, *image_positions;
    struct nn_norm ln_pre, ln_post;
    struct nn_block *image_blocks;
    struct tensor *image_proj; /* visual.proj [W, E]: x @ proj */
    /* text tower */
    struct tensor *token_embedding, *text_positions;
    struct nn_block *text_blocks;
    struct nn_norm ln_final;
    struct tensor *text_proj; /* text_projection [W, E] */
    struct tensor *logit_scale;
};

int clip_init(struct clip *m, const struct clip_config *c, struct param_list *l, struct err *e);
void clip_release(struct clip *m);

/* pixels [B, S, S, 3], normalised by mean and std -> raw features [B, E] */
struct tensor *clip_image(struct pass *p, const struct clip *m, const struct tensor *pixels);
/* ids I32 [B, context]; end_rows I32 [B]: b * context + position of the end token (largest id of
 * the row) -> raw features [B, E] */
struct tensor *clip_text(struct pass *p, const struct clip *m, const struct tensor *ids,
                         const struct tensor *end_rows);
/* Unit features -> logits [B, B] = exp(logit_scale) image text^T; and the symmetric loss over them.
 */
struct tensor *clip_logits(struct pass *p, const struct clip *m, const struct tensor *image,
                           const struct tensor *text);
/* For pixels_in: the mul and add that turn u8 into normalised pixels. */
void clip_pixel_scale(const struct clip_config *c, float ret_mul[3], float ret_add[3]);

#endif
