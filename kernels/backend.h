/*
 * The device table: the only place where CPU and CUDA differ. Private to kernels/. C and C++.
 *
 * Entries return 0, or -1 with words in e. None allocates from the system or waits for the device,
 * except those whose name says so. Shapes are checked by the ops before; an entry may trust them.
 * dtype is read from the tensors; one that is not built is UNSUPPORTED with its name. Entries
 * marked `optional` may be NULL; the op then says so by name. Adjoints add to what they are given
 * (d* may be NULL: not wanted). `ctx` is the device's own state.
 *
 * After dlopen, abi and size are compared with the caller's BACKEND_ABI and sizeof(struct backend).
 */
#ifndef KERNELS_BACKEND_H
#define KERNELS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernels/kv.h"
#include "kernels/op.h"
#include "kernels/sample.h"
#include "kernels/tensor.h"
#include "kernels/update.h"

#define BACKEND_ABI 6
/* What a plugin exports: `const struct backend *clipgen_backend(void)`. */
#define BACKEND_PLUGIN_SYMBOL "clipgen_backend"

enum backend_act { ACT_NONE, ACT_GELU, ACT_QUICK_GELU, ACT_SILU, ACT_RELU, ACT_LEAKY_RELU };

/* C [batch][m][n] = alpha op(A) op(B) + beta C, then + bias[n]?, then activation (NONE or GELU).
 * Row-major; ld* are row lengths in elements, stride_* between the matrices of a batch. */
struct backend_gemm {
    int64_t m, n, k, batch;
    bool trans_a, trans_b; /* A is [k, m], B is [n, k] */
    const float *a, *b;
    float *c;
    int64_t lda, ldb, ldc, stride_a, stride_b, stride_c;
    float alpha, beta;
    const float *bias;
    enum backend_act act;
};

typedef const struct tensor ctensor;

/* How a convolution goes over its picture. */
struct backend_conv {
    int stride;
    struct conv_pad pad;
    bool doubled; /* the picture is doubled first: each pixel four times */
};

struct backend {
    uint32_t abi, size;
    const char *name;

    /* ---- device and memory ---- */
    int (*open)(int threads, void **ret_ctx, char *describe, size_t describe_size, struct err *e);
    void (*close)(void *ctx);
    void (*set_threads)(void *ctx, int threads);
    int (*mem_alloc)(void *ctx, size_t bytes, void **ret_data, struct err *e);
    void (*mem_free)(void *ctx, void *data);
    int (*upload)(void *ctx, void *dst, const void *src, size_t n, struct err *e);
    int (*download_wait)(void *ctx, void *dst, const void *src, size_t n, struct err *e);
    int (*copy)(void *ctx, void *dst, const void *src, size_t n, struct err *e);
    int (*zero)(void *ctx, void *dst, size_t n, struct err *e);
    int (*wait)(void *ctx, struct err *e);

    /* ---- products ---- */
    int (*gemm)(void *ctx, const struct backend_gemm *g, struct err *e);
    /* ---- packed matrices [n, k] in the device's own layout: optional, all three ---- */
    /* False: no such format, or more bytes than can be counted. */
    bool (*packed_bytes)(void *ctx, enum dtype format, int64_t n, int64_t k, size_t *ret_bytes);
    /* rows [n, k] of `type` (F32, F16, BF16, Q8_0, Q4_0: device.h) in host memory, not aligned -> w
     */
    int (*pack_wait)(void *ctx, enum dtype type, const void *rows, struct tensor *w, struct err *e);
    /* y [m, n] = x [m, k] w^T, + bias [n]?, then activation (NONE or GELU), + residual [m, n]?
     * A row's bits do not depend on m. */
    int (*linear_packed)(void *ctx, ctensor *x, ctensor *w, ctensor *bias, enum backend_act act,
                         ctensor *residual, struct tensor *y, struct err *e);

    /* db[n] += column sums of dy [m, n] */
    int (*bias_bwd)(void *ctx, ctensor *dy, struct tensor *db, struct err *e);

    /* ---- attention: qkv [B, T, 3D] -> out [B, T, D]; lse [B, heads, T]? log of the softmax sums,
     * for the adjoint ---- */
    int (*attention)(void *ctx, ctensor *qkv, int heads, bool causal, struct tensor *out,
                     struct tensor *lse, struct err *e);
    int (*attention_bwd)(void *ctx, ctensor *qkv, int heads, bool causal, ctensor *out,
                         ctensor *lse, ctensor *dout, struct tensor *dqkv, struct err *e);
    int (*attention_cached)(void *ctx, ctensor *qkv, int heads, struct kv *kv, int layer,
                            struct tensor *out, struct err *e);

    /* ---- convolution: x [B,H,W,I], w [O,kh,kw,I], y [B,H',W',O] ---- */
    int (*conv)(void *ctx, const struct backend_conv *how, ctensor *x, ctensor *w, ctensor *bias,
                struct tensor *y, struct err *e);
    /* optional: the same plus residual, which has y's shape */
    int (*conv_add)(void *ctx, const struct backend_conv *how, ctensor *x, ctensor *w,
                    ctensor *bias, ctensor *residual, struct tensor *y, struct err *e);
    int (*conv_bwd_data)(void *ctx, const struct backend_conv *how, ctensor *dy, ctensor *w,
                         struct tensor *dx, struct err *e);
    int (*conv_bwd_weight)(void *ctx, const struct backend_conv *how, ctensor *x, ctensor *dy,
                           struct tensor *dw, struct err *e);
    int (*resize)(void *ctx, ctensor *x, enum op_filter filter, bool antialias, struct tensor *y,
                  struct err *e);
    int (*resize_bwd)(void *ctx, ctensor *dy, enum op_filter filter, bool antialias,
                      struct tensor *dx, struct err *e);
    int (*pixels_in)(void *ctx, ctensor *u8, const float mul[3], const float add[3],
                     struct tensor *y, struct err *e);
    int (*pixels_out)(void *ctx, ctensor *x, struct tensor *u8, struct err *e);

    /* ---- norms: rows [N, D]; stats [N, 2] (mean, 1/sigma) when wanted for the adjoint ---- */
    int (*layernorm)(void *ctx, ctensor *x, ctensor *g, ctensor *b, float eps, struct tensor *y,
                     struct tensor *stats, struct err *e);
    int (*layernorm_bwd)(void *ctx, ctensor *x, ctensor *g, ctensor *stats, ctensor *dy,
                         struct tensor *dx, struct tensor *dg, struct tensor *db, struct err *e);
    /* stats [B, groups, 2]; silu fused */
    int (*groupnorm)(void *ctx, ctensor *x, ctensor *g, ctensor *b, int groups, float eps,
                     bool silu, struct tensor *y, struct tensor *stats, struct err *e);
    int (*groupnorm_bwd)(void *ctx, ctensor *x, ctensor *g, ctensor *b, int groups, bool silu,
                         ctensor *stats, ctensor *dy, struct tensor *dx, struct tensor *dg,
                         struct tensor *db, struct err *e);
    /* stats [2, C]: batch mean and 1/sigma in training (running buffers updated), the buffers' in
     * evaluation */
    int (*batchnorm)(void *ctx, ctensor *x, ctensor *g, ctensor *b, struct tensor *mean,
                     struct tensor *var, float momentum, float eps, bool training, struct tensor *y,
                     struct tensor *stats, struct err *e);
    int (*batchnorm_bwd)(void *ctx, ctensor *x, ctensor *g, ctensor *stats, bool training,
                         ctensor *dy, struct tensor *dx, struct tensor *dg, struct tensor *db,
                         struct err *e);
    /* norms [N]: max(|row|, eps) */
    int (*l2norm)(void *ctx, ctensor *x, float eps, struct tensor *y, struct tensor *norms,
                  struct err *e);
    int (*l2norm_bwd)(void *ctx, ctensor *y, ctensor *norms, float eps, ctensor *dy,
                      struct tensor *dx, struct err *e);
    int (*softmax)(void *ctx, ctensor *x, struct tensor *y, struct err *e);
    int (*softmax_bwd)(void *ctx, ctensor *y, ctensor *dy, struct tensor *dx, struct err *e);

    /* ---- elementwise ---- */
    int (*act)(void *ctx, enum backend_act act, float slope, ctensor *x, struct tensor *y,
               struct err *e);
    int (*act_bwd)(void *ctx, enum backend_act act, float slope, ctensor *x, ctensor *dy,
                   struct tensor *dx, struct err *e);
    /* y = x * keep / (1 - rate), keep from rng_uniform_of(word i % 4 of block i / 4 of the stream)
     * >= rate for element i; its own adjoint, adding when `add` */
    int (*dropout)(void *ctx, ctensor *x, float rate, uint64_t seed, uint64_t stream, bool add,
                   struct tensor *y, struct err *e);
    int (*add_noise)(void *ctx, ctensor *x, float sigma, uint64_t seed, uint64_t stream,
                     struct tensor *y, struct err *e);
    /* y = a + b, b repeating over the leading dimensions */
    int (*add)(void *ctx, ctensor *a, ctensor *b, struct tensor *y, struct err *e);
    /* y += s x (same count); y[j] += sum over leading dimensions of x */
    int (*axpy)(void *ctx, float s, ctensor *x, struct tensor *y, struct err *e);
    int (*sum_leading)(void *ctx, ctensor *x, struct tensor *y, struct err *e);
    int (*fill)(void *ctx, struct tensor *y, float value, struct err *e);
    int (*scale)(void *ctx, ctensor *x, float s, struct tensor *y, struct err *e);
    int (*scale_exp)(void *ctx, ctensor *x, ctensor *s, struct tensor *y, struct err *e);
    /* dx += dy exp(s); ds += sum(dy y) */
    int (*scale_exp_bwd)(void *ctx, ctensor *y, ctensor *s, ctensor *dy, struct tensor *dx,
                         struct tensor *ds, struct err *e);

    /* ---- shape ---- */
    /* rows of n elements: dst[i * dst_stride + j] (+)= src[i * src_stride + j], i < rows, j < n */
    int (*copy_2d)(void *ctx, const float *src, int64_t src_stride, float *dst, int64_t dst_stride,
                   int64_t rows, int64_t n, bool add, struct err *e);
    /* y dim i = x dim order[i]; adding when `add` */
    int (*permute)(void *ctx, ctensor *x, const int *order, bool add, struct tensor *y,
                   struct err *e);
    int (*replace_rows)(void *ctx, ctensor *x, ctensor *mask, ctensor *row, struct tensor *y,
                        struct err *e);
    int (*replace_rows_bwd)(void *ctx, ctensor *mask, ctensor *dy, struct tensor *dx,
                            struct tensor *drow, struct err *e);

    /* ---- tables of rows ---- */
    int (*embedding)(void *ctx, ctensor *table, ctensor *ids, struct tensor *y, struct err *e);
    int (*embedding_bwd)(void *ctx, ctensor *ids, ctensor *dy, struct tensor *dtable,
                         struct err *e);
    int (*nearest_code)(void *ctx, ctensor *z, ctensor *codebook, struct tensor *ids,
                        struct err *e);

    /* ---- losses: scalar out; adjoints scale by the scalar dout ---- */
    /* lse [N]: log sum exp of each row, for the adjoint */
    int (*cross_entropy)(void *ctx, ctensor *logits, ctensor *targets, struct tensor *loss,
                         struct tensor *lse, struct err *e);
    int (*cross_entropy_bwd)(void *ctx, ctensor *logits, ctensor *targets, ctensor *lse,
                             ctensor *dout, struct tensor *dlogits, struct err *e);
    int (*l1)(void *ctx, ctensor *a, ctensor *b, struct tensor *loss, struct err *e);
    int (*l1_bwd)(void *ctx, ctensor *a, ctensor *b, ctensor *dout, struct tensor *da,
                  struct tensor *db, struct err *e);
    int (*l2)(void *ctx, ctensor *a, ctensor *b, struct tensor *loss, struct err *e);
    int (*l2_bwd)(void *ctx, ctensor *a, ctensor *b, ctensor *dout, struct tensor *da,
                  struct tensor *db, struct err *e);
    int (*hinge)(void *ctx, ctensor *x, float sign, struct tensor *loss, struct err *e);
    int (*hinge_bwd)(void *ctx, ctensor *x, float sign, ctensor *dout, struct tensor *dx,
                     struct err *e);
    int (*mean)(void *ctx, ctensor *x, struct tensor *loss, struct err *e);
    int (*mean_bwd)(void *ctx, ctensor *dout, struct tensor *dx, struct err *e);

    /* ---- sampling and optimiser ---- */
    int (*sample_draw)(void *ctx, const struct sample_rows *rows, struct tensor *tokens,
                       struct err *e);
    int (*sample_probs)(void *ctx, const struct sample_rows *rows, struct tensor *probs,
                        struct err *e);
    /* sum += sum of squares of x, in double; sum is 8 bytes of device memory (U8 [8]) */
    int (*sum_squares)(void *ctx, ctensor *x, struct tensor *sum, struct err *e);
    int (*norm_of_sum)(void *ctx, ctensor *sum, struct tensor *norm, struct err *e);
    int (*clip_factor)(void *ctx, ctensor *norm, float max_norm, struct tensor *factor,
                       struct err *e);
    int (*adamw)(void *ctx, struct tensor *w, ctensor *grad, struct tensor *m, struct tensor *v,
                 const struct adamw *h, ctensor *factor, struct err *e);
    int (*ema)(void *ctx, struct tensor *average, ctensor *w, float decay, struct err *e);

    /* optional: what operands of large products are rounded to from now on (device.h) */
    int (*set_products)(void *ctx, enum dtype t, struct err *e);

    /* ---- graphs (device.h): optional, all four ---- */
    /* From begin to end entries write down what they would do; those that wait or move memory
     * between host and device fail. */
    int (*graph_begin)(void *ctx, struct err *e);
    /* Recording is over in any case. */
    int (*graph_end)(void *ctx, void **ret_graph, struct err *e);
    int (*graph_replay)(void *ctx, void *graph, struct err *e);
    void (*graph_free)(void *ctx, void *graph);
};

typedef const struct backend *backend_plugin(void);

#endif
