/*
 * PatchGAN discriminator (Isola et al., arXiv 1611.07004) of HFAiLab/clip-gen: names
 * discriminator.*.
 */
#ifndef MODEL_DISC_H
#define MODEL_DISC_H

#include "model/nn.h"

#define DISC_LAYERS_MAX 5

struct disc_config {
    int ch, layers; /* 64, 3 */
};
struct disc_norm {
    struct tensor *g, *b, *mean, *var;
};
struct disc {
    struct disc_config config;
    struct nn_conv conv[DISC_LAYERS_MAX + 1], head;
    struct disc_norm norm[DISC_LAYERS_MAX + 1]; /* [0] unused */
};

int disc_init(struct disc *m, const struct disc_config *c, struct param_list *l, struct err *e);
/* x [B, H, W, 3] -> logits [B, h, w, 1]. Updates batch norm statistics in training. */
struct tensor *disc_forward(struct pass *p, const struct disc *m, const struct tensor *x);

#endif
