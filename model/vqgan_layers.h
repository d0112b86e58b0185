/*
 * The layers that the VQGAN's encoder and decoder are rows of. Private to model/.
 */
#ifndef MODEL_VQGAN_LAYERS_H
#define MODEL_VQGAN_LAYERS_H

#include "model/nn.h"
#include "model/vqgan.h"

enum vqgan_kind { VQGAN_RES, VQGAN_ATTN, VQGAN_DOWN, VQGAN_UP };

struct vqgan_res {
    struct nn_norm norm1, norm2;
    struct nn_conv conv1, conv2;
    struct nn_conv shortcut; /* w NULL where the channels stay the same */
};

struct vqgan_attn {
    struct nn_norm norm;
    struct nn_linear qkv, proj;
};

struct vqgan_layer {
    enum vqgan_kind kind;
    int out; /* channels of the result */
    union {
        struct vqgan_res res;
        struct vqgan_attn attn;
        struct nn_conv conv; /* DOWN, UP */
    } u;
};

/* Most layers of one stack: every level with the most blocks, each followed by attention, and a
 * change of side. */
#define VQGAN_BLOCKS_MAX 8
#define VQGAN_STACK_MAX (VQGAN_LEVELS_MAX * (2 * (VQGAN_BLOCKS_MAX + 1) + 1))

/* Layers in order, called PREFIX.0, PREFIX.1, ... */
struct vqgan_stack {
    const char *prefix;
    int n;
    struct vqgan_layer layer[VQGAN_STACK_MAX];
};

/* Appends one layer, in -> out channels. */
void vqgan_stack_add(struct vqgan_stack *s, struct param_list *l, enum vqgan_kind kind, int in,
                     int out);
/* x [B, H, W, C] through all layers. */
struct tensor *vqgan_stack_forward(struct pass *p, const struct vqgan_stack *s,
                                   const struct vqgan_config *c, const struct tensor *x);
/* Group norm with the network's groups and eps. */
struct tensor *vqgan_norm(struct pass *p, const struct nn_norm *m, const struct vqgan_config *c,
                          const struct tensor *x, bool silu);

#endif
