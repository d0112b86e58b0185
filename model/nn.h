/*
 * Pieces that several networks are built of. *_init names the parameters, the function of the same
 * name runs it.
 */
#ifndef MODEL_NN_H
#define MODEL_NN_H

#include <stdbool.h>

#include "kernels/kv.h"
#include "kernels/op.h"
#include "model/param.h"

struct nn_linear {
    struct tensor *w, *b; /* [O, I], [O] or NULL */
};
struct nn_norm {
    struct tensor *g, *b;
};
struct nn_conv {
    struct tensor *w, *b; /* [O, kh, kw, I], [O] or NULL */
};

/* Pre-norm transformer block: x + attn(ln1 x), then x + mlp(ln2 x). */
struct nn_block {
    struct nn_norm ln1, ln2;
    struct nn_linear qkv, proj, fc, fc_out;
};

/* How a family of weights calls the parts of its blocks (OpenAI CLIP and the HFAiLab GPT differ
 * only here). */
struct nn_block_names {
    const char *ln1, *ln2, *qkv, *qkv_bias, *proj, *fc, *fc_out;
};

enum nn_mlp { NN_GELU, NN_QUICK_GELU };

void nn_linear_init(struct nn_linear *m, struct param_list *l, int out, int in, bool bias,
                    float std, const char *name);
void nn_norm_init(struct nn_norm *m, struct param_list *l, int width, const char *name);
void nn_conv_init(struct nn_conv *m, struct param_list *l, int out, int in, int kernel, bool bias,
                  const char *name);
/* prefix: "transformer.resblocks.3." */
void nn_block_init(struct nn_block *m, struct param_list *l, int width, int layers,
                   const struct nn_block_names *n, const char *prefix);

struct tensor *nn_linear(struct pass *p, const struct nn_linear *m, const struct tensor *x);
struct tensor *nn_layernorm(struct pass *p, const struct nn_norm *m, const struct tensor *x,
                            float eps);
/* x [B, T, D]; kv NULL: whole sequences; dropout on both residual branches in training. */
struct tensor *nn_block(struct pass *p, const struct nn_block *m, const struct tensor *x, int heads,
                        bool causal, enum nn_mlp mlp, float dropout, struct kv *kv, int layer);

#endif
