/*
 * Every op: the vocabulary of model/.
 *
 * All ops follow one pattern: given NULL or a failed pass they return NULL; they check shapes and
 * set the pass's sticky error with both shapes in words; the output comes from the pass's arena;
 * with a tape, and an input that wants a gradient, they record how to go back. Floating tensors are
 * F32 unless said otherwise; ids, rows and positions are I32. [..., D] means any leading
 * dimensions. NULL may be given for a bias where it is marked `?`.
 *
 * Rows are independent: no op's result for one row (one picture, one sequence) depends on what else
 * is in the batch, except batch norm in training. For op_linear this holds bit for bit up to
 * OP_LINEAR_ROWS rows (decoding) and for equal row counts above. Results never depend on the number
 * of threads.
 */
#ifndef KERNELS_OP_H
#define KERNELS_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/pass.h"
#include "kernels/tensor.h"

struct kv;

#define OP_LINEAR_ROWS 128

/* ---- op_linear.c: products ---- */

/* x [..., I], w [O, I], b? [O] -> x w^T + b [..., O]. w may be packed (device.h), in inference. */
struct tensor *op_linear(struct pass *p, const struct tensor *x, const struct tensor *w,
                         const struct tensor *b);
/* The same, then GELU (erf), fused. */
struct tensor *op_linear_gelu(struct pass *p, const struct tensor *x, const struct tensor *w,
                              const struct tensor *b);
/* residual [..., O] + x w^T + b, fused where w is packed. */
struct tensor *op_linear_add(struct pass *p, const struct tensor *x, const struct tensor *w,
                             const struct tensor *b, const struct tensor *residual);
/* a [B, M, K] (or [B, K, M] if trans_a), b [B, K, N] (or [B, N, K] if trans_b) -> scale * a b [B,
 * M, N]. 2-d inputs mean B = 1 and give [M, N]. */
struct tensor *op_matmul(struct pass *p, const struct tensor *a, bool trans_a,
                         const struct tensor *b, bool trans_b, float scale);

/* ---- op_attn.c ---- */

/*
 * qkv [B, T, 3D] (rows q, k, v; heads side by side inside each) -> softmax(q k^T / sqrt(D/heads)) v
 * [B, T, D]. causal: position t sees 0..t. With kv (inference only): row b is slot kv->slot[b], its
 * T positions start at kv->pos[b]; keys and values are appended to `layer` of the cache first, then
 * attended causally over all of it.
 */
struct tensor *op_attention(struct pass *p, const struct tensor *qkv, int heads, bool causal,
                            struct kv *kv, int layer);

/* ---- op_conv.c ---- */

struct conv_pad {
    int top, left, bottom, right;
};
/* x [B, H, W, I], w [O, kh, kw, I], b? [O] -> [B, H', W', O]; zeros outside. Cross-correlation, as
 * PyTorch. */
struct tensor *op_conv2d(struct pass *p, const struct tensor *x, const struct tensor *w,
                         const struct tensor *b, int stride, struct conv_pad pad);
/* The same plus residual [B, H', W', O]: without a tape in one pass where the device can. */
struct tensor *op_conv2d_add(struct pass *p, const struct tensor *x, const struct tensor *w,
                             const struct tensor *b, int stride, struct conv_pad pad,
                             const struct tensor *residual);
/* x [B, H, W, I] doubled (nearest neighbour), then w [O, 3, 3, I] over it with one pixel of zeros
 * around: [B, 2H, 2W, O]. */
struct tensor *op_upsample2x_conv2d(struct pass *p, const struct tensor *x, const struct tensor *w,
                                    const struct tensor *b);
/* [B, H, W, C] -> [B, h, w, C]. Sampling points at pixel centres (align_corners = false); antialias
 * widens the filter when shrinking (Pillow, torchvision); bicubic a: -0.5 with antialias, -0.75
 * without (as PyTorch). */
enum op_filter { OP_BILINEAR, OP_BICUBIC };
struct tensor *op_resize(struct pass *p, const struct tensor *x, int h, int w,
                         enum op_filter filter, bool antialias);
/* u8 pixels [B, H, W, 3] -> F32 px * mul[c] + add[c]; no gradient. VQGAN: mul 1/127.5, add -1. */
struct tensor *op_pixels_in(struct pass *p, const struct tensor *u8, const float mul[3],
                            const float add[3]);
/* F32 [B, H, W, 3] in [-1, 1] -> u8 round(clamp(x/2 + 1/2, 0, 1) * 255); no gradient. */
struct tensor *op_pixels_out(struct pass *p, const struct tensor *x);

/* ---- op_norm.c: fp32 statistics ---- */

/* Over the last dimension; g, b [D]. */
struct tensor *op_layernorm(struct pass *p, const struct tensor *x, const struct tensor *g,
                            const struct tensor *b, float eps);
/* x [B, H, W, C] in `groups` groups of channels; g, b [C]. silu: SiLU of the result, fused. */
struct tensor *op_groupnorm(struct pass *p, const struct tensor *x, const struct tensor *g,
                            const struct tensor *b, int groups, float eps, bool silu);
/*
 * x [B, H, W, C]; g, b [C]; mean, var [C] are buffers: read in evaluation, and in training
 * (p->training) updated to (1 - momentum) old + momentum batch (unbiased variance), while the
 * batch's own statistics normalise x.
 */
struct tensor *op_batchnorm(struct pass *p, const struct tensor *x, const struct tensor *g,
                            const struct tensor *b, struct tensor *mean, struct tensor *var,
                            float momentum, float eps);
/* Rows of [..., D] divided by max(|row|, eps). */
struct tensor *op_l2norm(struct pass *p, const struct tensor *x, float eps);
/* Over the last dimension. */
struct tensor *op_softmax(struct pass *p, const struct tensor *x);

/* ---- op_act.c ---- */

struct tensor *op_gelu(struct pass *p, const struct tensor *x);       /* x Phi(x), with erf */
struct tensor *op_quick_gelu(struct pass *p, const struct tensor *x); /* x sigmoid(1.702 x) */
struct tensor *op_silu(struct pass *p, const struct tensor *x);
struct tensor *op_relu(struct pass *p, const struct tensor *x);
struct tensor *op_leaky_relu(struct pass *p, const struct tensor *x, float slope);
/* Training only: zero with probability rate, the rest / (1 - rate). Otherwise x itself. */
struct tensor *op_dropout(struct pass *p, const struct tensor *x, float rate);
/* x + sigma N(0, 1), always on: the condition's noise against the modality gap. */
struct tensor *op_add_noise(struct pass *p, const struct tensor *x, float sigma);

/* ---- op_shape.c ---- */

/* b's shape must equal the last dimensions of a's (it repeats over the leading ones): same shape,
 * bias, positions. */
struct tensor *op_add(struct pass *p, const struct tensor *a, const struct tensor *b);
struct tensor *op_scale(struct pass *p, const struct tensor *x, float s);
/* x * exp(s), s a scalar tensor: CLIP's logit scale. */
struct tensor *op_scale_exp(struct pass *p, const struct tensor *x, const struct tensor *s);
/* Along dimension `axis`; the other dimensions equal. */
struct tensor *op_concat(struct pass *p, const struct tensor *a, const struct tensor *b, int axis);
struct tensor *op_slice(struct pass *p, const struct tensor *x, int axis, int64_t start, int64_t n);
/* The same elements (and memory) in another shape; one dimension may be -1. */
struct tensor *op_reshape(struct pass *p, const struct tensor *x, int n_dims, const int64_t *dim);
/* Output dimension i is input dimension order[i]. */
struct tensor *op_permute(struct pass *p, const struct tensor *x, const int *order);
/* x repeated n times along a new first dimension: [D] -> [n, D] */
struct tensor *op_repeat(struct pass *p, const struct tensor *x, int64_t n);
/* The value of x; no gradient flows back. */
struct tensor *op_detach(struct pass *p, const struct tensor *x);
/* x [B, D]; rows b with mask[b] != 0 (I32 [B]) become row [D]: the learned null condition. */
struct tensor *op_replace_rows(struct pass *p, const struct tensor *x, const struct tensor *mask,
                               const struct tensor *row);

/* ---- op_embed.c ---- */

/* table [N, D], ids I32 [...] in 0..N-1 -> [..., D]. An id out of range gives a row of NaN, on
 * every device, so that it cannot pass unnoticed. Also picks rows of an activation. */
struct tensor *op_embedding(struct pass *p, const struct tensor *table, const struct tensor *ids);

/* ---- op_vq.c ---- */

/* z [N, D], codebook [K, D] -> I32 [N]: the row of least squared distance, the lowest on a tie. No
 * gradient. */
struct tensor *op_nearest_code(struct pass *p, const struct tensor *z,
                               const struct tensor *codebook);
/* The value of q; the gradient goes to z unchanged (straight-through estimator). */
struct tensor *op_straight_through(struct pass *p, const struct tensor *z, const struct tensor *q);

/* ---- op_loss.c: scalars, means in a fixed order ---- */

/* logits [N, V], targets I32 [N] -> mean negative log likelihood. */
struct tensor *op_cross_entropy(struct pass *p, const struct tensor *logits,
                                const struct tensor *targets);
/* logits [N, N], row i belongs to column i -> mean of the cross entropies over rows and over
 * columns. */
struct tensor *op_contrastive(struct pass *p, const struct tensor *logits);
struct tensor *op_l1(struct pass *p, const struct tensor *a,
                     const struct tensor *b); /* mean |a - b| */
struct tensor *op_l2(struct pass *p, const struct tensor *a,
                     const struct tensor *b); /* mean (a - b)^2 */
/* mean max(0, 1 - sign x), sign +1 for real, -1 for generated logits. */
struct tensor *op_hinge(struct pass *p, const struct tensor *x, float sign);
struct tensor *op_mean(struct pass *p, const struct tensor *x);

#endif
