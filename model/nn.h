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

/* Standard deviations that the block's matrices start with; biases start at zero. */
struct nn_block_start {
    float qkv, proj, fc, fc_out;
};

enum nn_mlp { NN_GELU, NN_QUICK_GELU };

/* PREFIX and PART joined: "visual.", "ln_pre" -> "visual.ln_pre"; too long is cut, which param_add
 * then refuses. */
struct nn_name {
    char text[128];
};
struct nn_name nn_name(const char *prefix, const char *part);

void nn_linear_init(struct nn_linear *m, struct param_list *l, int out, int in, bool bias,
                    float std, const char *name);
void nn_norm_init(struct nn_norm *m, struct param_list *l, int width, const char *name);
/* std 0: uniform within 1/sqrt(in kernel^2), weight and bias, as PyTorch's default. Otherwise the
 * weight is normal and the bias zero. */
void nn_conv_init(struct nn_conv *m, struct param_list *l, int out, int in, int kernel, bool bias,
                  float std, const char *name);
/* prefix: "transformer.resblocks.3." */
void nn_block_init(struct nn_block *m, struct param_list *l, int width,
                   const struct nn_block_start *start, const struct nn_block_names *n,
                   const char *prefix);

struct tensor *nn_linear(struct pass *p, const struct nn_linear *m, const struct tensor *x);
/* x [B, I], w [I, O] -> x w: projections that are stored transposed. A row's bytes do not depend on
 * its company (op_linear), which op_matmul does not promise. */
struct tensor *nn_project(struct pass *p, const struct tensor *w, const struct tensor *x);
struct tensor *nn_layernorm(struct pass *p, const struct nn_norm *m, const struct tensor *x,
                            float eps);
/* Square kernels, zero padding that keeps the side at stride 1 (kernels of odd side). */
struct tensor *nn_conv(struct pass *p, const struct nn_conv *m, const struct tensor *x);
/* The same plus residual, which has the result's shape. */
struct tensor *nn_conv_add(struct pass *p, const struct nn_conv *m, const struct tensor *x,
                           const struct tensor *residual);
/* x [B, T, D]; kv NULL: whole sequences; dropout on both residual branches in training. */
struct tensor *nn_block(struct pass *p, const struct nn_block *m, const struct tensor *x, int heads,
                        bool causal, enum nn_mlp mlp, float dropout, struct kv *kv, int layer);

/*
 * In inference a block gives its working memory back when it is done and keeps its result alone;
 * with a tape, which needs every value later, a scope does nothing.
 *
 *     struct nn_scope s = nn_scope_open(p, 4, dim);      the result's shape
 *     h = ...ops...
 *     nn_scope_last(p, &s);                              what comes now is the result
 *     y = op(h);
 *     return nn_scope_close(p, &s, y);
 *
 * Without nn_scope_last the result is copied.
 */
struct nn_scope {
    struct tensor *result; /* NULL with a tape */
    struct arena_mark mark;
};
struct nn_scope nn_scope_open(struct pass *p, int n_dims, const int64_t *dim);
void nn_scope_last(struct pass *p, const struct nn_scope *s);
struct tensor *nn_scope_close(struct pass *p, const struct nn_scope *s, struct tensor *y);

/* One field of a configuration and its limits. */
struct nn_limit {
    const char *field;
    int value, min, max;
};
/* INVALID for the first field outside its limits: "gpt.layers: 0 is outside 1..128". */
int nn_check_limits(const char *network, const struct nn_limit *limits, int n, struct err *e);

#endif
