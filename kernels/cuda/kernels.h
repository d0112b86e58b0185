/*
 * The CUDA backend's entries, one declaration each, with the table's own signatures. C and C++: the
 * table is a C file, the entries are CUDA C++ with C names. Private to kernels/cuda/.
 */
#ifndef KERNELS_CUDA_KERNELS_H
#define KERNELS_CUDA_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "kernels/backend.h"

#define CUDA_ENTRY(name) __typeof__(*((struct backend *)0)->name) cuda_##name

/* mem.cu */
CUDA_ENTRY(open);
CUDA_ENTRY(close);
CUDA_ENTRY(set_threads);
CUDA_ENTRY(mem_alloc);
CUDA_ENTRY(mem_free);
CUDA_ENTRY(upload);
CUDA_ENTRY(download_wait);
CUDA_ENTRY(copy);
CUDA_ENTRY(zero);
CUDA_ENTRY(wait);
/* gemm.cu */
CUDA_ENTRY(gemm);
CUDA_ENTRY(set_products);
/* pack.cu, linear_packed.cu */
CUDA_ENTRY(packed_bytes);
CUDA_ENTRY(pack_wait);
CUDA_ENTRY(linear_packed);
/* act.cu */
CUDA_ENTRY(act);
CUDA_ENTRY(act_bwd);
CUDA_ENTRY(dropout);
CUDA_ENTRY(add_noise);
CUDA_ENTRY(add);
CUDA_ENTRY(axpy);
CUDA_ENTRY(fill);
CUDA_ENTRY(scale);
CUDA_ENTRY(scale_exp);
CUDA_ENTRY(scale_exp_bwd);
/* sum.cu */
CUDA_ENTRY(bias_bwd);
CUDA_ENTRY(sum_leading);
/* shape.cu */
CUDA_ENTRY(copy_2d);
CUDA_ENTRY(permute);
CUDA_ENTRY(replace_rows);
CUDA_ENTRY(replace_rows_bwd);
/* embed.cu */
CUDA_ENTRY(embedding);
CUDA_ENTRY(embedding_bwd);
/* attn.cu, attn_bwd.cu, attn_cached.cu */
CUDA_ENTRY(attention);
CUDA_ENTRY(attention_bwd);
CUDA_ENTRY(attention_cached);
/* conv.cu */
CUDA_ENTRY(conv);
CUDA_ENTRY(conv_bwd_data);
CUDA_ENTRY(conv_bwd_weight);
/* resize.cu */
CUDA_ENTRY(resize);
CUDA_ENTRY(resize_bwd);
CUDA_ENTRY(pixels_in);
CUDA_ENTRY(pixels_out);
/* norm.cu */
CUDA_ENTRY(layernorm);
CUDA_ENTRY(layernorm_bwd);
CUDA_ENTRY(l2norm);
CUDA_ENTRY(l2norm_bwd);
CUDA_ENTRY(softmax);
CUDA_ENTRY(softmax_bwd);
/* norm_pixels.cu */
CUDA_ENTRY(groupnorm);
CUDA_ENTRY(groupnorm_bwd);
CUDA_ENTRY(batchnorm);
CUDA_ENTRY(batchnorm_bwd);
/* vq.cu */
CUDA_ENTRY(nearest_code);
/* loss.cu */
CUDA_ENTRY(cross_entropy);
CUDA_ENTRY(cross_entropy_bwd);
CUDA_ENTRY(l1);
CUDA_ENTRY(l1_bwd);
CUDA_ENTRY(l2);
CUDA_ENTRY(l2_bwd);
CUDA_ENTRY(hinge);
CUDA_ENTRY(hinge_bwd);
CUDA_ENTRY(mean);
CUDA_ENTRY(mean_bwd);
/* update.cu */
CUDA_ENTRY(sum_squares);
CUDA_ENTRY(norm_of_sum);
CUDA_ENTRY(clip_factor);
CUDA_ENTRY(adamw);
CUDA_ENTRY(ema);
/* graph.cu */
CUDA_ENTRY(graph_begin);
CUDA_ENTRY(graph_end);
CUDA_ENTRY(graph_replay);
CUDA_ENTRY(graph_free);
/* sample.cu */
CUDA_ENTRY(sample_draw);
CUDA_ENTRY(sample_probs);

#ifdef __cplusplus
}
#endif

#endif
