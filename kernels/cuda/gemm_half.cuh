/*
 * Large products with operands of 16 bits, for tensor cores.
 */
#ifndef KERNELS_CUDA_GEMM_HALF_CUH
#define KERNELS_CUDA_GEMM_HALF_CUH

#include "kernels/cuda/launch.cuh"

/* The operands, rounded, have room in scratch. */
bool cuda_half_fits(const struct backend_gemm *g);
/* C = alpha op(A) op(B) + beta C with A and B rounded to c->products, F16 or BF16. */
cublasStatus_t cuda_half_product(struct cuda *c, const struct backend_gemm *g);

#endif
