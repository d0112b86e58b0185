/*
 * Every op once more: plain loops in double, written for reading. Signature: struct kernel_case.
 */
#ifndef TESTS_KERNELS_REF_H
#define TESTS_KERNELS_REF_H

#include "tests/kernels/cases.h"

typedef void kernel_ref(const struct kernel_case *k, const struct array *in, struct array *out);

/* ref.c */
kernel_ref ref_linear;    /* i: gelu; a residual is added if there is one */
kernel_ref ref_matmul;    /* i: trans_a, trans_b; f: scale */
kernel_ref ref_attention; /* i: heads, causal */
kernel_ref ref_layernorm; /* f: eps */
kernel_ref ref_groupnorm; /* i: groups, silu; f: eps */
kernel_ref ref_batchnorm; /* training; f: momentum, eps */
kernel_ref ref_l2norm;    /* f: eps */
kernel_ref ref_softmax;
kernel_ref ref_gelu, ref_quick_gelu, ref_silu, ref_relu;
kernel_ref ref_leaky_relu; /* f: slope */
kernel_ref ref_dropout;    /* f: rate */
kernel_ref ref_add_noise;  /* f: sigma */
kernel_ref ref_add;
kernel_ref ref_scale; /* f: factor */
kernel_ref ref_scale_exp;

/* ref_packed.c */
kernel_ref ref_linear_packed; /* i: gelu, dtype of the matrix */

/* ref_image.c */
kernel_ref ref_conv; /* i: stride, top, left, bottom, right */
kernel_ref ref_conv_add;
kernel_ref ref_upsample2x_conv;
kernel_ref ref_resize;    /* i: h, w, filter, antialias */
kernel_ref ref_pixels_in; /* f: mul[3], add[3] */
kernel_ref ref_pixels_out;

/* ref_shape.c */
kernel_ref ref_concat;  /* i: axis */
kernel_ref ref_slice;   /* i: axis, start, n */
kernel_ref ref_reshape; /* i: n_dims, dim[4] with at most one -1 */
kernel_ref ref_permute; /* i: order[4] */
kernel_ref ref_repeat;  /* i: n */
kernel_ref ref_replace_rows;
kernel_ref ref_embedding;
kernel_ref ref_nearest_code;
kernel_ref ref_first, ref_second; /* the input itself */

/* ref_loss.c */
kernel_ref ref_cross_entropy, ref_contrastive;
kernel_ref ref_l1, ref_l2, ref_mean;
kernel_ref ref_hinge; /* f: sign */
kernel_ref ref_adamw; /* f: lr, beta1, beta2, eps, decay */
kernel_ref ref_clip;  /* f: max_norm */
kernel_ref ref_ema;   /* f: decay */
kernel_ref ref_sample_probs;
kernel_ref ref_greedy;

#endif
