/*
 * VQGAN (Esser et al., arXiv 2012.09841) as HFAiLab/clip-gen builds it: model.md section 2,
 * keys/hfailab_vqgan.txt. Pictures are [B, H, W, 3] in [-1, 1], whatever the network's own range
 * is; z is [B, h, w, D], h = H / 2^(levels-1), D = vqgan_code_dim().
 */
#ifndef MODEL_VQGAN_H
#define MODEL_VQGAN_H

#include "kernels/op.h"
#include "model/nn.h"
#include "model/param.h"

#define VQGAN_LEVELS_MAX 8

struct vqgan_config {
    int resolution; /* side of a picture */
    int ch;
    int levels, mult[VQGAN_LEVELS_MAX]; /* channels of a level: ch * mult */
    int res_blocks;                     /* a level; the decoder has one more */
    int attn_resolution; /* attention blocks where the side equals this; 0: only in the middle */
    int z_channels;
    int code_dim;      /* of a codebook row; 0: z_channels */
    int codebook;      /* K entries */
    int groups;        /* of group norm: 32 in published weights */
    float norm_eps;    /* 1e-5 HFAiLab, 1e-6 taming */
    bool unit_codes;   /* z and codebook rows L2-normalised (LlamaGen) */
    bool unit_range;   /* the network's own pixels are in [0, 1] (dalle-mini), not [-1, 1] */
    bool decoder_only; /* no encoder: tokens to pictures alone (min-dalle) */
};

int vqgan_config_check(const struct vqgan_config *c, struct err *e);
/* Side of the token grid, and tokens a picture. */
int vqgan_grid(const struct vqgan_config *c);
int vqgan_code_dim(const struct vqgan_config *c);

struct vqgan; /* layers in order; opaque: vqgan_layers.h inside model/ */

/* Names encoder.*, decoder.*, quantizer.embedding.weight. */
int vqgan_new(const struct vqgan_config *c, struct param_list *l, struct vqgan **ret_model,
              struct err *e);
void vqgan_free(struct vqgan *m);
const struct vqgan_config *vqgan_config(const struct vqgan *m);
struct nn_conv vqgan_last_conv(const struct vqgan *m); /* decoder.final.2: of the adaptive weight */
struct tensor *vqgan_codebook(const struct vqgan *m);  /* [K, D] */

/* UNSUPPORTED with decoder_only. */
struct tensor *vqgan_encode(struct pass *p, const struct vqgan *m, const struct tensor *x);
/* What vectors [.., D] and codebook rows are compared as: themselves, or their directions where
 * codes are unit vectors. */
const struct tensor *vqgan_comparable(struct pass *p, const struct vqgan *m,
                                      const struct tensor *x);
/* z -> the nearest codebook rows with the straight-through gradient; *ret_ids I32 [B*h*w];
 * *ret_rows? the rows themselves, with the codebook's gradient, for the loss. */
struct tensor *vqgan_quantize(struct pass *p, const struct vqgan *m, const struct tensor *z,
                              struct tensor **ret_ids, struct tensor **ret_rows);
/* mse(z, sg(q)) + beta mse(sg(z), q): commitment 1, codebook beta (model.md 4.3). */
struct tensor *vqgan_quantizer_loss(struct pass *p, const struct vqgan *m, const struct tensor *z,
                                    const struct tensor *rows, float beta);
/* I32 [B*h*w] -> codebook rows [B, h, w, D] */
struct tensor *vqgan_lookup(struct pass *p, const struct vqgan *m, const struct tensor *ids,
                            int64_t batch);
/* In two parts, for the adaptive weight of the GAN loss: the input of the last convolution, and
 * what it makes. */
struct tensor *vqgan_decode_features(struct pass *p, const struct vqgan *m,
                                     const struct tensor *z_q);
struct tensor *vqgan_decode_last(struct pass *p, const struct vqgan *m,
                                 const struct tensor *features);
struct tensor *vqgan_decode(struct pass *p, const struct vqgan *m, const struct tensor *z_q);

#endif
