/*
 * The CUDA backend's table, and the function by which the program finds it.
 */
#include "kernels/cuda/kernels.h"

#define ENTRY(name) .name = cuda_##name

static const struct backend table = {
    .abi = BACKEND_ABI,
    .size = sizeof(struct backend),
    .name = "cuda",

    ENTRY(open),
    ENTRY(close),
    ENTRY(set_threads),
    ENTRY(mem_alloc),
    ENTRY(mem_free),
    ENTRY(upload),
    ENTRY(download_wait),
    ENTRY(copy),
    ENTRY(zero),
    ENTRY(wait),

    ENTRY(gemm),
    ENTRY(packed_bytes),
    ENTRY(pack_wait),
    ENTRY(linear_packed),
    ENTRY(bias_bwd),
    ENTRY(attention),
    ENTRY(attention_bwd),
    ENTRY(attention_cached),
    ENTRY(conv),
    ENTRY(conv_bwd_data),
    ENTRY(conv_bwd_weight),
    ENTRY(resize),
    ENTRY(resize_bwd),
    ENTRY(pixels_in),
    ENTRY(pixels_out),
    ENTRY(layernorm),
    ENTRY(layernorm_bwd),
    ENTRY(groupnorm),
    ENTRY(groupnorm_bwd),
    ENTRY(batchnorm),
    ENTRY(batchnorm_bwd),
    ENTRY(l2norm),
    ENTRY(l2norm_bwd),
    ENTRY(softmax),
    ENTRY(softmax_bwd),
    ENTRY(act),
    ENTRY(act_bwd),
    ENTRY(dropout),
    ENTRY(add_noise),
    ENTRY(add),
    ENTRY(axpy),
    ENTRY(sum_leading),
    ENTRY(fill),
    ENTRY(scale),
    ENTRY(scale_exp),
    ENTRY(scale_exp_bwd),
    ENTRY(copy_2d),
    ENTRY(permute),
    ENTRY(replace_rows),
    ENTRY(replace_rows_bwd),
    ENTRY(embedding),
    ENTRY(embedding_bwd),
    ENTRY(nearest_code),
    ENTRY(cross_entropy),
    ENTRY(cross_entropy_bwd),
    ENTRY(l1),
    ENTRY(l1_bwd),
    ENTRY(l2),
    ENTRY(l2_bwd),
    ENTRY(hinge),
    ENTRY(hinge_bwd),
    ENTRY(mean),
    ENTRY(mean_bwd),
    ENTRY(sample_draw),
    ENTRY(sample_probs),
    ENTRY(sum_squares),
    ENTRY(norm_of_sum),
    ENTRY(clip_factor),
    ENTRY(adamw),
    ENTRY(ema),
};

backend_plugin clipgen_backend;

const struct backend *clipgen_backend(void)
{
    return &table;
}
