#include "tests/kernels/cases.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kernels/kv.h"
#include "kernels/op.h"
#include "kernels/sample.h"
#include "kernels/update.h"
#include "tests/kernels/ref.h"

/* ---- builders: name of the row's op, and the call ---- */

#define BUILD(name, call)                                                                          \
    static void name(struct pass *p, const struct kernel_case *k, struct tensor *const *in,        \
                     struct tensor **out)                                                          \
    {                                                                                              \
        (void)k;                                                                                   \
        out[0] = call;                                                                             \
    }

#define CONV_PAD                                                                                   \
    (struct conv_pad)                                                                              \
    {                                                                                              \
        (int)k->i[1], (int)k->i[2], (int)k->i[3], (int)k->i[4]                                     \
    }
#define FLOATS_3(f) ((const float[]){ (float)(f)[0], (float)(f)[1], (float)(f)[2] })
#define INTS_4(i) ((const int[]){ (int)(i)[0], (int)(i)[1], (int)(i)[2], (int)(i)[3] })

BUILD(linear, op_linear(p, in[0], in[1], in[2]))
BUILD(linear_gelu, op_linear_gelu(p, in[0], in[1], in[2]))
BUILD(linear_add, op_linear_add(p, in[0], in[1], in[2], in[3]))
BUILD(matmul, op_matmul(p, in[0], k->i[0], in[1], k->i[1], (float)k->f[0]))
BUILD(attention, op_attention(p, in[0], (int)k->i[0], k->i[1], NULL, 0))
BUILD(conv, op_conv2d(p, in[0], in[1], in[2], (int)k->i[0], CONV_PAD))
BUILD(conv_add, op_conv2d_add(p, in[0], in[1], in[2], (int)k->i[0], CONV_PAD, in[3]))
BUILD(upsample2x_conv, op_upsample2x_conv2d(p, in[0], in[1], in[2]))
BUILD(resize, op_resize(p, in[0], (int)k->i[0], (int)k->i[1], (enum op_filter)k->i[2], k->i[3]))
BUILD(pixels_in, op_pixels_in(p, in[0], FLOATS_3(k->f), FLOATS_3(k->f + 3)))
BUILD(pixels_out, op_pixels_out(p, in[0]))
BUILD(layernorm, op_layernorm(p, in[0], in[1], in[2], (float)k->f[0]))
BUILD(groupnorm, op_groupnorm(p, in[0], in[1], in[2], (int)k->i[0], (float)k->f[0], k->i[1]))
BUILD(l2norm, op_l2norm(p, in[0], (float)k->f[0]))
BUILD(softmax, op_softmax(p, in[0]))
BUILD(gelu, op_gelu(p, in[0]))
BUILD(quick_gelu, op_quick_gelu(p, in[0]))
BUILD(silu, op_silu(p, in[0]))
BUILD(relu, op_relu(p, in[0]))
BUILD(leaky_relu, op_leaky_relu(p, in[0], (float)k->f[0]))
BUILD(dropout, op_dropout(p, in[0], (float)k->f[0]))
/* Scaled, too: without training its output is its input. */
BUILD(dropout_off, op_scale(p, op_dropout(p, in[0], (float)k->f[0]), 1.0f))
BUILD(add_noise, op_add_noise(p, in[0], (float)k->f[0]))
BUILD(add, op_add(p, in[0], in[1]))
BUILD(scale, op_scale(p, in[0], (float)k->f[0]))
BUILD(scale_exp, op_scale_exp(p, in[0], in[1]))
BUILD(concat, op_concat(p, in[0], in[1], (int)k->i[0]))
BUILD(slice, op_slice(p, in[0], (int)k->i[0], k->i[1], k->i[2]))
/* Scaled first: a reshape shares its input's memory, and so does its gradient. */
BUILD(reshape, op_reshape(p, op_scale(p, in[0], 1.0f), (int)k->i[0], k->i + 1))
BUILD(permute, op_permute(p, in[0], INTS_4(k->i)))
BUILD(repeat, op_repeat(p, in[0], k->i[0]))
BUILD(replace_rows, op_replace_rows(p, in[0], in[1], in[2]))
BUILD(embedding, op_embedding(p, in[0], in[1]))
BUILD(nearest_code, op_nearest_code(p, in[0], in[1]))
BUILD(straight_through, op_straight_through(p, in[0], in[1]))
/* 2x + detach(x): three times x, twice its gradient */
BUILD(detach, op_add(p, op_scale(p, in[0], 2.0f), op_detach(p, in[0])))
BUILD(cross_entropy, op_cross_entropy(p, in[0], in[1]))
BUILD(contrastive, op_contrastive(p, in[0]))
BUILD(l1, op_l1(p, in[0], in[1]))
BUILD(l2, op_l2(p, in[0], in[1]))
BUILD(hinge, op_hinge(p, in[0], (float)k->f[0]))
BUILD(mean, op_mean(p, in[0]))

static void batchnorm(struct pass *p, const struct kernel_case *k, struct tensor *const *in,
                      struct tensor **out)
{
    out[0] = op_batchnorm(p, in[0], in[1], in[2], in[3], in[4], (float)k->f[0], (float)k->f[1]);
    out[1] = in[3];
    out[2] = in[4];
}

/* A matrix of the pass in the format `type`. */
static struct tensor *packed(struct pass *p, const struct tensor *w, enum dtype type)
{
    struct tensor plan;
    size_t bytes = tensor_bytes(w);
    void *rows = mem_alloc(bytes, 1);

    if (device_packed(p->dev, type, w->dim[0], w->dim[1], &plan, &p->err))
        return NULL;
    int64_t size = (int64_t)plan.packed;
    struct tensor *y = pass_tensor(p, DTYPE_U8, 1, &size);
    if (y && rows) {
        plan.data = y->data;
        *y = plan;
        if (!device_download(p->dev, w, 0, rows, bytes, &p->err))
            device_pack(p->dev, y, DTYPE_F32, rows, &p->err);
    }
    mem_free(rows);
    return pass_failed(p) ? NULL : y;
}

static void linear_packed(struct pass *p, const struct kernel_case *k, struct tensor *const *in,
                          struct tensor **out)
{
    struct tensor *w = packed(p, in[1], (enum dtype)k->i[1]);

    if (in[3])
        out[0] = op_linear_add(p, in[0], w, in[2], in[3]);
    else
        out[0] = (k->i[0] ? op_linear_gelu : op_linear)(p, in[0], w, in[2]);
}

/* Positions from..from + n of every sequence through the cache, appended to what came before. */
static struct tensor *cached_step(struct pass *p, struct kv *kv, struct tensor *qkv, int heads,
                                  int64_t from, int64_t n, struct tensor *before)
{
    int32_t pos[16];
    int64_t B = qkv->dim[0];

    for (int64_t b = 0; b < B; b++)
        pos[b] = (int32_t)from;
    kv->pos = pass_upload(p, DTYPE_I32, 1, &B, pos);
    struct tensor *y = op_attention(p, op_slice(p, qkv, 1, from, n), heads, true, kv, 1);
    return before ? op_concat(p, before, y, 1) : y;
}

/* A prompt of i[1] positions, then one position at a time: the same as all at once, causal. The
 * cache is of dtype i[2]. */
static void attention_cached(struct pass *p, const struct kernel_case *k, struct tensor *const *in,
                             struct tensor **out)
{
    int64_t B = in[0]->dim[0], T = in[0]->dim[1], D = in[0]->dim[2] / 3;
    int64_t dim[4] = { 2, 16, T, D };
    struct tensor *keys = pass_tensor(p, (enum dtype)k->i[2], 4, dim);
    struct tensor *values = pass_tensor(p, (enum dtype)k->i[2], 4, dim);
    int32_t slot[16];

    if (!keys || !values)
        return;
    for (int64_t b = 0; b < B; b++)
        slot[b] = (int32_t)(15 - 2 * b);
    struct kv kv = { p->dev, 2, 16, (int)T, (int)D, *keys, *values, NULL, NULL };
    kv.slot = pass_upload(p, DTYPE_I32, 1, &B, slot);
    out[0] = cached_step(p, &kv, in[0], (int)k->i[0], 0, k->i[1], NULL);
    for (int64_t t = k->i[1]; t < T; t++)
        out[0] = cached_step(p, &kv, in[0], (int)k->i[0], t, 1, out[0]);
}

static struct sample_rows sample_rows_of(struct pass *p, struct tensor *const *in)
{
    int64_t N = in[1]->dim[0];
    int32_t zero[32] = { 0 };

    return (struct sample_rows){
        .logits = in[0],
        .cond_row = in[1],
        .uncond_row = in[2],
        .guidance = in[3],
        .temperature = in[4],
        .top_k = in[5],
        .top_p = in[6],
        .seed = pass_upload(p, DTYPE_I32, 2, (int64_t[]){ N, 2 }, zero),
        .position = pass_upload(p, DTYPE_I32, 1, &N, zero),
    };
}

static void sampled_probs(struct pass *p, const struct kernel_case *k, struct tensor *const *in,
                          struct tensor **out)
{
    struct sample_rows rows = sample_rows_of(p, in);

    (void)k;
    out[0] = sample_probs(p, &rows);
}

static void greedy(struct pass *p, const struct kernel_case *k, struct tensor *const *in,
                   struct tensor **out)
{
    struct sample_rows rows = sample_rows_of(p, in);

    (void)k;
    out[0] = sample_draw(p, &rows);
}

static void adamw(struct pass *p, const struct kernel_case *k, struct tensor *const *in,
                  struct tensor **out)
{
    int64_t n = in[0]->dim[0];
    const double *f = k->f;

    for (int64_t t = 0; t < in[1]->dim[0]; t++) {
        struct adamw h = { (float)f[0], (float)f[1], (float)f[2], (float)f[3], (float)f[4], t + 1 };
        struct tensor *grad = op_reshape(p, op_slice(p, in[1], 0, t, 1), 1, &n);
        update_adamw(p, in[0], grad, in[2], in[3], &h, in[4]);
    }
    out[0] = in[0];
    out[1] = in[2];
    out[2] = in[3];
}

static void clip(struct pass *p, const struct kernel_case *k, struct tensor *const *in,
                 struct tensor **out)
{
    out[0] = update_grad_norm(p, in, 2);
    out[1] = update_clip_factor(p, out[0], (float)k->f[0]);
}

static void ema(struct pass *p, const struct kernel_case *k, struct tensor *const *in,
                struct tensor **out)
{
    update_ema(p, in[0], in[1], (float)k->f[0]);
    out[0] = in[0];
}

/* Gradients of the two ops whose value's differences are something else. */
static void ref_triple(const struct kernel_case *k, const struct array *in, struct array *out)
{
    (void)k;
    array_copy(out, in);
    for (int64_t i = 0; i < array_count(out); i++)
        out->v[i] *= 3;
}

static void ref_double(const struct kernel_case *k, const struct array *in, struct array *out)
{
    (void)k;
    array_copy(out, in);
    for (int64_t i = 0; i < array_count(out); i++)
        out->v[i] *= 2;
}

/* ---- operands ---- */

#define DIMS(...)                                                                                  \
    .n_dims = (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), .dim = { __VA_ARGS__ }
/* Numbers in [-1, 1], or [LO, HI]; B: the first dimension counts independent rows. */
#define F(...)                                                                                     \
    {                                                                                              \
        .lo = -1, .hi = 1, DIMS(__VA_ARGS__)                                                       \
    }
#define FB(...)                                                                                    \
    {                                                                                              \
        .lo = -1, .hi = 1, .batched = true, DIMS(__VA_ARGS__)                                      \
    }
#define F_IN(LO, HI, ...)                                                                          \
    {                                                                                              \
        .lo = LO, .hi = HI, DIMS(__VA_ARGS__)                                                      \
    }
#define FB_IN(LO, HI, ...)                                                                         \
    {                                                                                              \
        .lo = LO, .hi = HI, .batched = true, DIMS(__VA_ARGS__)                                     \
    }
/* Without gradient; written by the op. */
#define FROZEN(LO, HI, ...)                                                                        \
    {                                                                                              \
        .lo = LO, .hi = HI, .frozen = true, DIMS(__VA_ARGS__)                                      \
    }
#define FROZEN_B(LO, HI, ...)                                                                      \
    {                                                                                              \
        .lo = LO, .hi = HI, .frozen = true, .batched = true, DIMS(__VA_ARGS__)                     \
    }
#define INOUT(LO, HI, ...)                                                                         \
    {                                                                                              \
        .lo = LO, .hi = HI, .inout = true, DIMS(__VA_ARGS__)                                       \
    }
/* Whole numbers 0..HI; from a list, one a row. */
#define IDS(HI, ...)                                                                               \
    {                                                                                              \
        .dtype = DTYPE_I32, .hi = HI, DIMS(__VA_ARGS__)                                            \
    }
#define IDS_B(HI, ...)                                                                             \
    {                                                                                              \
        .dtype = DTYPE_I32, .hi = HI, .batched = true, DIMS(__VA_ARGS__)                           \
    }
#define BYTES_B(...)                                                                               \
    {                                                                                              \
        .dtype = DTYPE_U8, .hi = 255, .batched = true, DIMS(__VA_ARGS__)                           \
    }
#define LIST(type, ...)                                                                            \
    {                                                                                              \
        .dtype = type, .values = (const double[]){ __VA_ARGS__ }, .batched = true, .frozen = true, \
        .n_dims = 1, .dim = {                                                                      \
            sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)                                     \
        }                                                                                          \
    }
#define NONE                                                                                       \
    {                                                                                              \
        .n_dims = 0                                                                                \
    }

/* Sequences of the sampling rows: every filter alone, all together, and none. */
#define SAMPLE_ROWS                                                                                \
    LIST(DTYPE_I32, 0, 2, 1, 3, 4, 5, 6, 7), LIST(DTYPE_I32, -1, -1, 4, -1, 2, 5, -1, 0),          \
        LIST(DTYPE_F32, 1, 1, 2, 1, 3, 1.5, 1, 0)
#define TEMPERATURES LIST(DTYPE_F32, 1, 0.75, 1, 0.5, 1.25, 2, 1, 1)
#define COLD LIST(DTYPE_F32, 0, 0, 0, 0, 0, 0, 0, 0)
#define TOP_K LIST(DTYPE_I32, 0, 5, 0, 7, 1, 0, 100000, 20)
#define TOP_P LIST(DTYPE_F32, 1, 1, 0.9, 0.75, 1, 0.5, 0.25, 0)

/* Equal values at the third place, at the first, and everywhere. */
static const double TIES[3 * 12] = { 1, 3, 2, 2, -1, 2, 2, 0, 2, 4, -2, 1, 3, 3, 1, 0, 3, 2,
                                     3, 0, 3, 1, 2,  2, 1, 1, 1, 1, 1,  1, 1, 1, 1, 1, 1, 1 };

/* ---- the list; sizes are odd, and some large enough for several threads ---- */

#define ROUNDING "sums of rounded products"
#define EXACT "moves or rounds once"
#define HALF_WAY "a number between two whole ones may go either way"
#define VMATH "polynomials within 3 units in the last place"

const struct kernel_case KERNEL_CASES[] = {
    /* clang-format off */
    /* products */
    { "linear", linear, ref_linear, NULL, { FB(5, 3, 37), F(29, 37), F(29) },
      .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "linear, no bias, large", linear, ref_linear, NULL, { FB(67, 129), F(257, 129), NONE },
      .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "linear, one row", linear, ref_linear, NULL, { FB(1, 300), F(65, 300), F(65) },
      .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "linear, many rows", linear, ref_linear, NULL, { F(200, 40), F(33, 40), F(33) },
      .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "linear, long rows", linear, ref_linear, NULL, { F(131, 1030), F(17, 1030), F(17) },
      .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "linear, many outputs of long rows", linear, ref_linear, NULL,
      { FROZEN(-1, 1, 129, 513), FROZEN(-1, 1, 2000, 513), FROZEN(-1, 1, 2000) },
      .tol = 1e-6, .why = ROUNDING },
    { "linear_gelu", linear_gelu, ref_linear, NULL, { FB(9, 37), F(70, 37), F(70) }, .i = { 1 },
      .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "linear_gelu, many rows", linear_gelu, ref_linear, NULL, { F(141, 37), F(99, 37), F(99) },
      .i = { 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "linear_add", linear_add, ref_linear, NULL, { FB(5, 37), F(29, 37), F(29), FB(5, 29) },
      .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "linear packed f32", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 65, 129), FROZEN(-1, 1, 257, 129), FROZEN(-1, 1, 257) },
      .i = { 0, DTYPE_F32 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed f32, gelu", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 9, 37), FROZEN(-1, 1, 70, 37), FROZEN(-1, 1, 70) },
      .i = { 1, DTYPE_F32 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed f32, no bias, few", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 3, 5), FROZEN(-1, 1, 2, 5), NONE },
      .i = { 0, DTYPE_F32 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed f32, add", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 7, 2, 96), FROZEN(-1, 1, 64, 96), FROZEN(-1, 1, 64),
        FROZEN_B(-1, 1, 7, 2, 64) },
      .i = { 0, DTYPE_F32 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed f16", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 65, 129), FROZEN(-1, 1, 257, 129), FROZEN(-1, 1, 257) },
      .i = { 0, DTYPE_F16 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed f16, gelu", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 9, 37), FROZEN(-1, 1, 70, 37), FROZEN(-1, 1, 70) },
      .i = { 1, DTYPE_F16 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed f16, no bias, few", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 3, 5), FROZEN(-1, 1, 2, 5), NONE },
      .i = { 0, DTYPE_F16 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed f16, add", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 7, 2, 96), FROZEN(-1, 1, 64, 96), FROZEN(-1, 1, 64),
        FROZEN_B(-1, 1, 7, 2, 64) },
      .i = { 0, DTYPE_F16 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed bf16", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 65, 129), FROZEN(-1, 1, 257, 129), FROZEN(-1, 1, 257) },
      .i = { 0, DTYPE_BF16 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed bf16, gelu", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 9, 37), FROZEN(-1, 1, 70, 37), FROZEN(-1, 1, 70) },
      .i = { 1, DTYPE_BF16 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed bf16, no bias, few", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 3, 5), FROZEN(-1, 1, 2, 5), NONE },
      .i = { 0, DTYPE_BF16 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed bf16, add", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 7, 2, 96), FROZEN(-1, 1, 64, 96), FROZEN(-1, 1, 64),
        FROZEN_B(-1, 1, 7, 2, 64) },
      .i = { 0, DTYPE_BF16 }, .tol = 1e-6, .why = ROUNDING },
    { "linear packed q8_0", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 65, 129), FROZEN(-1, 1, 257, 129), FROZEN(-1, 1, 257) },
      .i = { 0, DTYPE_Q8_0 }, .tol = 1e-5, .why = HALF_WAY },
    { "linear packed q8_0, gelu", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 9, 37), FROZEN(-1, 1, 70, 37), FROZEN(-1, 1, 70) },
      .i = { 1, DTYPE_Q8_0 }, .tol = 1e-5, .why = HALF_WAY },
    { "linear packed q8_0, no bias, few", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 3, 5), FROZEN(-1, 1, 2, 5), NONE },
      .i = { 0, DTYPE_Q8_0 }, .tol = 1e-5, .why = HALF_WAY },
    { "linear packed q8_0, add", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 7, 2, 96), FROZEN(-1, 1, 64, 96), FROZEN(-1, 1, 64),
        FROZEN_B(-1, 1, 7, 2, 64) },
      .i = { 0, DTYPE_Q8_0 }, .tol = 1e-5, .why = HALF_WAY },
    { "linear packed q4_0", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 65, 129), FROZEN(-1, 1, 257, 129), FROZEN(-1, 1, 257) },
      .i = { 0, DTYPE_Q4_0 }, .tol = 1e-5, .why = HALF_WAY },
    { "linear packed q4_0, gelu", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 9, 37), FROZEN(-1, 1, 70, 37), FROZEN(-1, 1, 70) },
      .i = { 1, DTYPE_Q4_0 }, .tol = 1e-5, .why = HALF_WAY },
    { "linear packed q4_0, no bias, few", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 3, 5), FROZEN(-1, 1, 2, 5), NONE },
      .i = { 0, DTYPE_Q4_0 }, .tol = 1e-5, .why = HALF_WAY },
    { "linear packed q4_0, add", linear_packed, ref_linear_packed, NULL,
      { FROZEN_B(-1, 1, 7, 2, 96), FROZEN(-1, 1, 64, 96), FROZEN(-1, 1, 64),
        FROZEN_B(-1, 1, 7, 2, 64) },
      .i = { 0, DTYPE_Q4_0 }, .tol = 1e-5, .why = HALF_WAY },
    { "matmul", matmul, ref_matmul, NULL, { F(13, 7), F(7, 19) }, .f = { 0.5 },
      .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "matmul a^T", matmul, ref_matmul, NULL, { F(7, 13), F(7, 19) }, .i = { 1, 0 }, .f = { 1 },
      .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "matmul a^T, long columns", matmul, ref_matmul, NULL, { F(1030, 70), F(1030, 51) },
      .i = { 1, 0 }, .f = { 0.25 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "matmul b^T, batch", matmul, ref_matmul, NULL, { FB(3, 13, 7), FB(3, 19, 7) },
      .i = { 0, 1 }, .f = { 2 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "matmul a^T b^T, batch", matmul, ref_matmul, NULL, { FB(3, 7, 13), FB(3, 19, 7) },
      .i = { 1, 1 }, .f = { 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },

    /* attention */
    { "attention", attention, ref_attention, NULL, { FB_IN(-2, 2, 3, 11, 3 * 12) }, .i = { 4, 0 },
      .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING ", exp of sums" },
    { "attention, large", attention, ref_attention, NULL, { FB_IN(-2, 2, 2, 70, 3 * 64) },
      .i = { 1, 0 }, .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING ", exp of sums" },
    { "attention, causal", attention, ref_attention, NULL, { FB_IN(-2, 2, 2, 33, 3 * 20) },
      .i = { 2, 1 }, .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING ", exp of sums" },
    { "attention, blocks of keys", attention, ref_attention, NULL,
      { FB_IN(-2, 2, 2, 301, 3 * 12) }, .i = { 1, 0 }, .tol = 2e-6, .grad_tol = 5e-6,
      .why = ROUNDING ", exp of sums" },
    { "attention, causal, blocks of keys", attention, ref_attention, NULL,
      { FB_IN(-2, 2, 1, 530, 3 * 16) }, .i = { 1, 1 }, .tol = 2e-6, .grad_tol = 5e-6,
      .why = ROUNDING ", exp of sums" },
    { "attention, causal, wide head", attention, ref_attention, NULL,
      { FB_IN(-0.2, 0.2, 1, 40, 3 * 4500) }, .i = { 1, 1 }, .tol = 2e-6, .grad_tol = 5e-6,
      .why = ROUNDING ", exp of sums" },
    { "attention, cached", attention_cached, ref_attention, NULL,
      { FROZEN_B(-2, 2, 3, 19, 3 * 32) }, .i = { 2, 5 },
      .tol = 2e-6, .why = ROUNDING ", exp of sums" },
    { "attention, cached one by one", attention_cached, ref_attention, NULL,
      { FROZEN_B(-2, 2, 2, 5, 3 * 12) }, .i = { 4, 1 },
      .tol = 2e-6, .why = ROUNDING ", exp of sums" },
    { "attention, cached, f16", attention_cached, ref_attention, NULL,
      { FROZEN_B(-2, 2, 3, 37, 3 * 160) }, .i = { 2, 5, DTYPE_F16 },
      .tol = 2e-3, .why = "keys and values of 11 bits; scores are sums of 80" },
    { "attention, cached one by one, f16", attention_cached, ref_attention, NULL,
      { FROZEN_B(-2, 2, 2, 5, 3 * 12) }, .i = { 4, 1, DTYPE_F16 },
      .tol = 2e-3, .why = "keys and values of 11 bits" },

    /* convolution and pictures */
    { "conv 1x1", conv, ref_conv, NULL, { FB(2, 5, 7, 11), F(13, 1, 1, 11), F(13) },
      .i = { 1, 0, 0, 0, 0 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3", conv, ref_conv, NULL, { FB(2, 9, 7, 5), F(6, 3, 3, 5), F(6) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3, large", conv, ref_conv, NULL, { FB(3, 17, 16, 16), F(32, 3, 3, 16), F(32) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 2e-6, .grad_tol = 4e-6, .why = ROUNDING },
    { "conv 3x3, cells cut off", conv, ref_conv, NULL, { FB(2, 13, 10, 20), F(37, 3, 3, 20), F(37) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 2e-6, .grad_tol = 4e-6, .why = ROUNDING },
    { "conv 3x3, uneven pad", conv, ref_conv, NULL, { FB(1, 6, 9, 33), F(18, 3, 3, 33), NONE },
      .i = { 1, 0, 2, 3, 1 }, .tol = 2e-6, .grad_tol = 4e-6, .why = ROUNDING },
    { "conv 3x3, one pixel", conv, ref_conv, NULL, { FB(3, 1, 1, 16), F(16, 3, 3, 16), F(16) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 2e-6, .grad_tol = 4e-6, .why = ROUNDING },
    { "conv 3x3, RGB in", conv, ref_conv, NULL, { FB(1, 10, 11, 3), F(8, 3, 3, 3), NONE },
      .i = { 1, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3, RGB out", conv, ref_conv, NULL, { FB(1, 10, 11, 8), F(3, 3, 3, 8), F(3) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3, RGB in, many out", conv, ref_conv, NULL, { FB(3, 9, 21, 3), F(37, 3, 3, 3), F(37) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3, RGB out, many in", conv, ref_conv, NULL, { FB(3, 9, 21, 37), F(3, 3, 3, 37), F(3) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3, RGB, uneven pad", conv, ref_conv, NULL, { FB(2, 5, 6, 3), F(19, 3, 3, 3), NONE },
      .i = { 1, 2, 0, 1, 3 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3 to two channels", conv, ref_conv, NULL, { FB(2, 7, 5, 19), F(2, 3, 3, 19), F(2) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 4x4 to one channel", conv, ref_conv, NULL, { FB(2, 6, 5, 24), F(1, 4, 4, 24), F(1) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3 stride 2, pad right and bottom", conv, ref_conv, NULL,
      { FB(2, 8, 10, 4), F(5, 3, 3, 4), F(5) },
      .i = { 2, 0, 0, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3 stride 2, odd", conv, ref_conv, NULL,
      { FB(2, 9, 7, 4), F(5, 3, 3, 4), NONE },
      .i = { 2, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 4x4 stride 2", conv, ref_conv, NULL, { FB(2, 9, 12, 3), F(7, 4, 4, 3), F(7) },
      .i = { 2, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 4x4 stride 1", conv, ref_conv, NULL, { FB(2, 6, 5, 8), F(1, 4, 4, 8), F(1) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv patch", conv, ref_conv, NULL, { FB(2, 16, 24, 3), F(10, 8, 8, 3), NONE },
      .i = { 8, 0, 0, 0, 0 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 7x7 stride 4, uneven pad", conv, ref_conv, NULL,
      { FB(1, 13, 15, 3), F(4, 7, 7, 3), F(4) },
      .i = { 4, 2, 3, 1, 0 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "conv 3x3 plus residual", conv_add, ref_conv_add, NULL,
      { FB(2, 13, 10, 20), F(37, 3, 3, 20), F(37), FB(2, 13, 10, 37) },
      .i = { 1, 1, 1, 1, 1 }, .tol = 2e-6, .grad_tol = 4e-6, .why = ROUNDING },
    { "conv 3x3 stride 2 plus residual", conv_add, ref_conv_add, NULL,
      { FB(2, 8, 6, 5), F(7, 3, 3, 5), NONE, FB(2, 4, 3, 7) },
      .i = { 2, 0, 0, 1, 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "upsample2x, conv 3x3", upsample2x_conv, ref_upsample2x_conv, NULL,
      { FB(2, 3, 5, 3), F(7, 3, 3, 3), F(7) }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "upsample2x, conv 3x3, large", upsample2x_conv, ref_upsample2x_conv, NULL,
      { FB(2, 7, 9, 20), F(35, 3, 3, 20), F(35) },
      .tol = 2e-6, .grad_tol = 4e-6, .why = ROUNDING },
    { "upsample2x, conv 3x3, one pixel", upsample2x_conv, ref_upsample2x_conv, NULL,
      { FB(3, 1, 1, 17), F(16, 3, 3, 17), NONE },
      .tol = 2e-6, .grad_tol = 4e-6, .why = ROUNDING },
    { "resize bilinear up", resize, ref_resize, NULL, { FB(2, 5, 7, 3) },
      .i = { 11, 9, OP_BILINEAR, 0 }, .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "resize bilinear down", resize, ref_resize, NULL, { FB(2, 11, 9, 3) },
      .i = { 4, 7, OP_BILINEAR, 0 }, .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "resize bilinear down, antialias", resize, ref_resize, NULL, { FB(3, 23, 17, 3) },
      .i = { 8, 7, OP_BILINEAR, 1 }, .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "resize bicubic up", resize, ref_resize, NULL, { FB(2, 5, 4, 3) },
      .i = { 13, 9, OP_BICUBIC, 0 }, .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "resize bicubic down", resize, ref_resize, NULL, { FB(2, 12, 9, 2) },
      .i = { 5, 4, OP_BICUBIC, 0 }, .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "resize bicubic down, antialias", resize, ref_resize, NULL, { FB(2, 32, 30, 5) },
      .i = { 7, 11, OP_BICUBIC, 1 }, .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "resize bicubic up, antialias", resize, ref_resize, NULL, { FB(1, 5, 6, 3) },
      .i = { 7, 6, OP_BICUBIC, 1 }, .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "pixels_in", pixels_in, ref_pixels_in, NULL, { BYTES_B(3, 65, 61, 3) },
      .f = { 1 / 127.5, 0.25, 1 / 255.0, -1, 0.5, 0 }, .tol = 2e-7, .why = EXACT },
    { "pixels_out", pixels_out, ref_pixels_out, NULL, { FROZEN_B(-1.2, 1.2, 3, 65, 61, 3) },
      .tol = 0, .why = "no element is within rounding of a half" },

    /* norms */
    { "layernorm", layernorm, ref_layernorm, NULL, { FB(5, 3, 41), F(41), F(41) },
      .f = { 1e-5 }, .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING },
    { "layernorm, large mean", layernorm, ref_layernorm, NULL,
      { FB_IN(9, 11, 65, 515), F(515), F(515) },
      .f = { 1e-5 }, .tol = 1e-5, .grad_tol = 2e-5, .why = "ten times the deviation is taken off" },
    { "groupnorm", groupnorm, ref_groupnorm, NULL, { FB(2, 5, 7, 12), F(12), F(12) },
      .i = { 3, 0 }, .f = { 1e-5 }, .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING },
    { "groupnorm, silu", groupnorm, ref_groupnorm, NULL, { FB(3, 9, 5, 32), F(32), F(32) },
      .i = { 8, 1 }, .f = { 1e-6 }, .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING },
    { "groupnorm, small variance", groupnorm, ref_groupnorm, NULL,
      { FB_IN(0, 0.01, 2, 8, 9, 6), F(6), F(6) },
      .i = { 2, 1 }, .f = { 1e-5 }, .tol = 5e-6, .grad_tol = 1e-5, .why = ROUNDING },
    { "groupnorm, large", groupnorm, ref_groupnorm, NULL, { FB(2, 33, 31, 64), F(64), F(64) },
      .i = { 32, 1 }, .f = { 1e-6 }, .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING },
    { "batchnorm, training", batchnorm, ref_batchnorm, NULL,
      { F(4, 5, 3, 7), F(7), F(7), INOUT(-1, 1, 7), INOUT(0.5, 2, 7) }, .training = true,
      .f = { 0.1, 1e-5 }, .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING },
    { "batchnorm, training, large", batchnorm, ref_batchnorm, NULL,
      { F(3, 31, 33, 16), F(16), F(16), INOUT(-1, 1, 16), INOUT(0.5, 2, 16) }, .training = true,
      .f = { 0.1, 1e-5 }, .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING },
    { "batchnorm, evaluation", batchnorm, ref_batchnorm, NULL,
      { FB(4, 5, 3, 7), F(7), F(7), INOUT(-1, 1, 7), INOUT(0.5, 2, 7) },
      .f = { 0.1, 1e-5 }, .tol = 2e-6, .grad_tol = 5e-6, .why = ROUNDING },
    { "l2norm", l2norm, ref_l2norm, NULL, { FB(7, 45) },
      .f = { 1e-12 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "l2norm, below eps", l2norm, ref_l2norm, NULL, { FB_IN(-0.01, 0.01, 3, 5) },
      .f = { 1 }, .tol = 1e-6, .grad_tol = 2e-6, .why = ROUNDING },
    { "softmax", softmax, ref_softmax, NULL, { FB_IN(-6, 6, 5, 7, 23) },
      .tol = 1e-6, .grad_tol = 3e-6, .why = VMATH },
    { "softmax, large", softmax, ref_softmax, NULL, { FB_IN(-5, 5, 33, 1027) },
      .tol = 1e-6, .grad_tol = 3e-6, .why = VMATH },
    { "softmax, far apart", softmax, ref_softmax, NULL, { FROZEN_B(-100, 90, 9, 1027) },
      .tol = 1e-6, .why = VMATH },

    /* elementwise */
    { "gelu", gelu, ref_gelu, NULL, { FB_IN(-6, 6, 37, 901) },
      .tol = 3e-7, .grad_tol = 1e-6, .why = VMATH },
    { "quick_gelu", quick_gelu, ref_quick_gelu, NULL, { FB_IN(-6, 6, 37, 901) },
      .tol = 3e-7, .grad_tol = 1e-6, .why = VMATH },
    { "silu", silu, ref_silu, NULL, { FB_IN(-6, 6, 37, 901) },
      .tol = 3e-7, .grad_tol = 1e-6, .why = VMATH },
    { "relu", relu, ref_relu, NULL, { FB(37, 901) }, .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "leaky_relu", leaky_relu, ref_leaky_relu, NULL, { FB(37, 901) },
      .f = { 0.2 }, .tol = 1e-7, .grad_tol = 1e-6, .why = EXACT },
    { "dropout", dropout, ref_dropout, NULL, { F(37, 901) }, .training = true,
      .f = { 0.25 }, .tol = 1e-7, .grad_tol = 1e-6, .why = EXACT },
    { "dropout, not training", dropout_off, ref_first, NULL, { FB(5, 3) },
      .f = { 0.25 }, .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "add_noise", add_noise, ref_add_noise, NULL, { F(37, 901) },
      .f = { 0.5 }, .tol = 2e-7, .grad_tol = 1e-6, .why = EXACT },
    { "add", add, ref_add, NULL, { FB(37, 901), FB(37, 901) },
      .tol = 1e-7, .grad_tol = 1e-6, .why = EXACT },
    { "add bias", add, ref_add, NULL, { FB(97, 5, 71), F(71) },
      .tol = 1e-7, .grad_tol = 1e-6, .why = EXACT },
    { "add positions", add, ref_add, NULL, { FB(4, 5, 7), F(5, 7) },
      .tol = 1e-7, .grad_tol = 1e-6, .why = EXACT },
    { "scale", scale, ref_scale, NULL, { FB(37, 901) },
      .f = { 0.7 }, .tol = 2e-7, .grad_tol = 1e-6, .why = EXACT },
    { "scale_exp", scale_exp, ref_scale_exp, NULL, { FB(17, 19), F_IN(2, 3, 1) },
      .tol = 5e-7, .grad_tol = 1e-6, .why = VMATH },

    /* shapes */
    { "concat first", concat, ref_concat, NULL, { F(2, 3, 5), F(4, 3, 5) }, .i = { 0 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "concat middle", concat, ref_concat, NULL, { FB(33, 9, 65), FB(33, 8, 65) }, .i = { 1 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "concat last", concat, ref_concat, NULL, { FB(2, 3, 5), FB(2, 3, 2) }, .i = { 2 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "slice first", slice, ref_slice, NULL, { F(7, 9) }, .i = { 0, 2, 4 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "slice middle", slice, ref_slice, NULL, { FB(3, 7, 9) }, .i = { 1, 6, 1 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "slice last", slice, ref_slice, NULL, { FB(3, 2, 9) }, .i = { 2, 3, 5 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "reshape", reshape, ref_reshape, NULL, { FB(4, 6, 5) }, .i = { 3, -1, 3, 10 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "permute 2", permute, ref_permute, NULL, { F(13, 7) }, .i = { 1, 0 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "permute 3", permute, ref_permute, NULL, { F(3, 4, 5) }, .i = { 2, 0, 1 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "permute NHWC to NCHW", permute, ref_permute, NULL, { FB(3, 37, 35, 9) },
      .i = { 0, 3, 1, 2 }, .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "permute heads", permute, ref_permute, NULL, { FB(2, 5, 3, 7) }, .i = { 0, 2, 1, 3 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "repeat", repeat, ref_repeat, NULL, { F(5, 7) }, .i = { 3 },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "replace_rows", replace_rows, ref_replace_rows, NULL, { FB(9, 13), IDS_B(1, 9), F(13) },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "embedding", embedding, ref_embedding, NULL, { F(19, 7), IDS_B(18, 5, 11) },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "embedding, large", embedding, ref_embedding, NULL, { F(31, 129), IDS_B(30, 300) },
      .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "embedding, ids out of range", embedding, ref_embedding, NULL,
      { FROZEN(-1, 1, 3, 5), LIST(DTYPE_I32, 2, -1, 0, 3, 2147483647) },
      .tol = 0, .why = EXACT },
    { "nearest_code", nearest_code, ref_nearest_code, NULL,
      { FROZEN_B(-1, 1, 67, 33), FROZEN(-1, 1, 129, 33) }, .tol = 0, .why = "decided in double" },
    { "nearest_code, large", nearest_code, ref_nearest_code, NULL,
      { FROZEN_B(-1, 1, 130, 8), FROZEN(-1, 1, 4099, 8) }, .tol = 0, .why = "decided in double" },
    { "nearest_code, close together", nearest_code, ref_nearest_code, NULL,
      { FROZEN_B(-1, 1, 70, 16), FROZEN(1, 1.00001, 700, 16) },
      .tol = 0, .why = "decided in double" },
    { "nearest_code, all equal", nearest_code, ref_nearest_code, NULL,
      { FROZEN_B(-1, 1, 3, 5), FROZEN(0.5, 0.5, 90, 5) }, .tol = 0, .why = "the lowest on a tie" },
    { "straight_through", straight_through, ref_second, ref_first,
      { FB(5, 7), FROZEN_B(-1, 1, 5, 7) }, .tol = 0, .grad_tol = 1e-6, .why = EXACT },
    { "detach", detach, ref_triple, ref_double, { FB(5, 7) },
      .tol = 2e-7, .grad_tol = 1e-6, .why = EXACT },

    /* losses */
    { "cross_entropy", cross_entropy, ref_cross_entropy, NULL, { F_IN(-4, 4, 13, 17), IDS(16, 13) },
      .tol = 1e-6, .grad_tol = 2e-6, .why = VMATH },
    { "cross_entropy, large", cross_entropy, ref_cross_entropy, NULL,
      { F_IN(-4, 4, 77, 1031), IDS(1030, 77) }, .tol = 1e-6, .grad_tol = 2e-6, .why = VMATH },
    { "contrastive", contrastive, ref_contrastive, NULL, { F_IN(-9, 9, 21, 21) },
      .tol = 1e-6, .grad_tol = 2e-6, .why = VMATH },
    { "l1", l1, ref_l1, NULL, { F(37, 901), F(37, 901) },
      .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "l2", l2, ref_l2, NULL, { F(37, 901), F(37, 901) },
      .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "hinge, real", hinge, ref_hinge, NULL, { F_IN(-3, 3, 37, 901) }, .f = { 1 },
      .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "hinge, generated", hinge, ref_hinge, NULL, { F_IN(-3, 3, 5, 7) }, .f = { -1 },
      .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },
    { "mean", mean, ref_mean, NULL, { F_IN(0, 1, 37, 901) },
      .tol = 1e-6, .grad_tol = 1e-6, .why = ROUNDING },

    /* optimiser */
    { "adamw, ten steps", adamw, ref_adamw, NULL,
      { INOUT(-1, 1, 9001), FROZEN(-1, 1, 10, 9001), INOUT(0, 0, 9001), INOUT(0, 0, 9001),
        FROZEN(0.5, 0.5, 1) },
      .f = { 1e-2, 0.9, 0.95, 1e-8, 0.01 }, .tol = 2e-6,
      .why = "ten roundings; beta as fp32 is off by 3e-8, and 1 - beta by 3e-7" },
    { "adam, no clipping", adamw, ref_adamw, NULL,
      { INOUT(-1, 1, 33), FROZEN(-1, 1, 10, 33), INOUT(0, 0, 33), INOUT(0, 0, 33),
        FROZEN(1, 1, 1) },
      .f = { 1e-3, 0.5, 0.9, 1e-6, 0 }, .tol = 2e-6, .why = "ten roundings" },
    { "gradient norm, clipped", clip, ref_clip, NULL,
      { FROZEN(-1, 1, 37, 901), FROZEN(-1, 1, 5) }, .f = { 1 }, .tol = 2e-7, .why = EXACT },
    { "gradient norm, small", clip, ref_clip, NULL,
      { FROZEN(-1e-4, 1e-4, 7), FROZEN(-1e-4, 1e-4, 5) }, .f = { 1 }, .tol = 2e-7, .why = EXACT },
    { "ema", ema, ref_ema, NULL, { INOUT(-1, 1, 37, 901), FROZEN(-1, 1, 37, 901) },
      .f = { 0.999 }, .tol = 2e-7, .why = EXACT },

    /* sampling */
    { "sample_probs", sampled_probs, ref_sample_probs, NULL,
      { FROZEN(-4, 4, 8, 64), SAMPLE_ROWS, TEMPERATURES, TOP_K, TOP_P },
      .tol = 1e-6, .why = VMATH },
    { "sample_probs, large", sampled_probs, ref_sample_probs, NULL,
      { FROZEN(-4, 4, 8, 4097), SAMPLE_ROWS, TEMPERATURES, TOP_K, TOP_P },
      .tol = 2e-6, .why = VMATH ", over a sum of thousands" },
    { "sample_probs, ties", sampled_probs, ref_sample_probs, NULL,
      { { .n_dims = 2, .dim = { 3, 12 }, .values = TIES, .frozen = true },
        LIST(DTYPE_I32, 0, 1, 2), LIST(DTYPE_I32, -1, -1, -1), LIST(DTYPE_F32, 1, 1, 1),
        LIST(DTYPE_F32, 1, 1, 0.5), LIST(DTYPE_I32, 3, 1, 0), LIST(DTYPE_F32, 1, 0.3, 0.4) },
      .tol = 1e-6, .why = VMATH },
    { "sample_draw, cold", greedy, ref_greedy, NULL,
      { FROZEN(-4, 4, 8, 4097), SAMPLE_ROWS, COLD, TOP_K, TOP_P },
      .tol = 0, .why = "the largest logit" },
    { "sample_draw, cold, ties", greedy, ref_greedy, NULL,
      { { .n_dims = 2, .dim = { 3, 12 }, .values = TIES, .frozen = true },
        LIST(DTYPE_I32, 0, 1, 2), LIST(DTYPE_I32, -1, -1, -1), LIST(DTYPE_F32, 1, 1, 1),
        LIST(DTYPE_F32, 0, 0, 0), LIST(DTYPE_I32, 3, 1, 0), LIST(DTYPE_F32, 1, 1, 0.5) },
      .tol = 0, .why = "the lowest index on a tie" },
    /* clang-format on */
};

const int KERNEL_CASES_N = sizeof KERNEL_CASES / sizeof *KERNEL_CASES;

/* ---- what a row says ---- */

bool case_has_grad(const struct kernel_case *k)
{
    return k->grad_tol > 0;
}

int64_t case_rows(const struct kernel_case *k)
{
    for (int i = 0; i < CASE_INPUTS_MAX; i++)
        if (k->in[i].batched)
            return k->in[i].dim[0];
    return 0;
}

static double element(const struct operand *o, uint64_t stream, int64_t i)
{
    double u = rng_uniform_at(CASE_SEED + 1, stream, (uint64_t)i);

    if (o->values)
        return o->dtype == DTYPE_F32 ? (float)o->values[i] : o->values[i];
    if (o->dtype == DTYPE_F32)
        return (float)(o->lo + u * (o->hi - o->lo));
    return floor(o->lo + u * (o->hi - o->lo + 1));
}

void case_inputs(const struct kernel_case *k, struct array *in)
{
    memset(in, 0, CASE_INPUTS_MAX * sizeof *in);
    for (int n = 0; n < CASE_INPUTS_MAX; n++) {
        const struct operand *o = &k->in[n];
        if (o->n_dims < 1)
            continue;
        array_init(&in[n], o->dtype, o->n_dims, o->dim);
        for (int64_t i = 0; i < array_count(&in[n]); i++)
            in[n].v[i] = element(o, (uint64_t)n, i);
    }
}
