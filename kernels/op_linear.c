#include "kernels/op_impl.h"

/* c = alpha op(a) op(b) + beta c for matrices, or batches of them, described by their shapes. */
static struct backend_gemm gemm_of(const struct tensor *a, bool trans_a, const struct tensor *b,
                                   bool trans_b, const struct tensor *c)
{
    int64_t lda = tensor_cols(a), ldb = tensor_cols(b), ldc = tensor_cols(c);
    int64_t a_rows = a->dim[a->n_dims - 2], b_rows = b->dim[b->n_dims - 2];
    return (struct backend_gemm){
        .m = c->dim[c->n_dims - 2],
        .n = ldc,
        .k = trans_a ? a_rows : lda,
        .batch = c->n_dims == 3 ? c->dim[0] : 1,
        .trans_a = trans_a,
        .trans_b = trans_b,
        .a = a->data,
        .b = b->data,
        .c = c->data,
        .lda = lda,
        .ldb = ldb,
        .ldc = ldc,
        .stride_a = a_rows * lda,
        .stride_b = b_rows * ldb,
        .stride_c = c->dim[c->n_dims - 2] * ldc,
        .alpha = 1.0f,
    };
}

static void product(struct pass *p, const struct backend_gemm *g)
{
    p->flops += 2.0 * (double)g->batch * (double)g->m * (double)g->n * (double)g->k;
    CALL(p, gemm, g);
}

/* in's gradient += scale op(a) op(b); in is seen as rows when it is not a matrix itself. */
static void grad_product(struct pass *p, const struct tensor *in, const struct tensor *a,
                         bool trans_a, const struct tensor *b, bool trans_b, float scale)
{
    bool fresh;
    struct tensor *d = grad_target(p, in, &fresh);
    if (!d)
        return;
    struct tensor rows = op_as_rows(d);
    struct backend_gemm g = gemm_of(a, trans_a, b, trans_b, a->n_dims == 3 ? d : &rows);
    g.alpha = scale;
    g.beta = fresh ? 0.0f : 1.0f;
    product(p, &g);
}

static bool linear_fits(struct pass *p, const char *op, const struct tensor *x,
                        const struct tensor *w, const struct tensor *b)
{
    bool packed = w && w->packed;
    if (!op_inputs(p, op, packed ? 1 : 2, TENSOR_LIST(x, w)))
        return false;
    if (packed && RECORDS(p, x))
        return op_misfit(p, op, x, w, "a packed matrix is for inference, without a tape");
    if (w->n_dims != 2 || x->n_dims < 1 || tensor_cols(x) != w->dim[1])
        return op_misfit(p, op, x, w, "x [..., I] and w [O, I] must agree in I");
    if (b && !op_is_vector(b, w->dim[0]))
        return op_misfit(p, op, w, b, "w [O, I] and bias f32 [O] must agree in O");
    return true;
}

static void packed_product(struct pass *p, const struct tensor *x, const struct tensor *w,
                           const struct tensor *b, enum backend_act act,
                           const struct tensor *residual, struct tensor *y)
{
    p->flops += 2.0 * (double)tensor_count(x) * (double)w->dim[0];
    CALL(p, linear_packed, x, w, b, act, residual, y);
}

static struct tensor *linear_forward(struct pass *p, const struct tensor *x, const struct tensor *w,
                                     const struct tensor *b, enum backend_act act)
{
    struct tensor like = *x;
    like.dim[x->n_dims - 1] = w->dim[0];
    struct tensor *y = op_like(p, &like);
    if (!y)
        return NULL;
    if (w->packed) {
        packed_product(p, x, w, b, act, NULL, y);
        return y;
    }
    struct tensor x_rows = op_as_rows(x), y_rows = op_as_rows(y);
    struct backend_gemm g = gemm_of(&x_rows, false, w, true, &y_rows);
    g.bias = b ? b->data : NULL;
    g.act = act;
    product(p, &g);
    return y;
}

static void linear_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *x = node->in[0], *w = node->in[1], *b = node->in[2];
    struct tensor dy = op_as_rows(node->out->grad), x_rows = op_as_rows(x);
    grad_product(p, w, &dy, true, &x_rows, false, 1.0f);
    struct tensor *db = tape_grad(p, b);
    if (db)
        CALL(p, bias_bwd, &dy, db);
    grad_product(p, x, &dy, false, w, false, 1.0f);
}

struct tensor *op_linear(struct pass *p, const struct tensor *x, const struct tensor *w,
                         const struct tensor *b)
{
    if (!linear_fits(p, __func__, x, w, b))
        return NULL;
    struct tensor *y = linear_forward(p, x, w, b, ACT_NONE);
    RECORD(p, linear_adjoint, y, x, w, b);
    return op_result(p, y);
}

struct tensor *op_linear_gelu(struct pass *p, const struct tensor *x, const struct tensor *w,
                              const struct tensor *b)
{
    if (!linear_fits(p, __func__, x, w, b))
        return NULL;
    /* GELU's adjoint needs its input, which the fused product does not keep. Same bytes. */
    if (RECORDS(p, x, w, b))
        return op_gelu(p, op_linear(p, x, w, b));
    return op_result(p, linear_forward(p, x, w, b, ACT_GELU));
}

struct tensor *op_linear_add(struct pass *p, const struct tensor *x, const struct tensor *w,
                             const struct tensor *b, const struct tensor *residual)
{
    if (!w || !w->packed)
        return op_add(p, residual, op_linear(p, x, w, b));
    if (!linear_fits(p, __func__, x, w, b) || !INPUTS(p, residual))
        return NULL;
    if (tensor_rows(residual) != tensor_rows(x) || tensor_cols(residual) != w->dim[0])
        return MISFIT(p, residual, w, "residual [..., O] and w [O, I] must agree in O and rows");
    struct tensor *y = op_like(p, residual);
    packed_product(p, x, w, b, ACT_NONE, residual, y);
    return op_result(p, y);
}

/* y = s op(a) op(b): op(a)' = s dy op(b)^T and op(b)' = s op(a)^T dy, transposed again for an
 * operand that is stored transposed. */
static void matmul_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *a = node->in[0], *b = node->in[1], *dy = node->out->grad;
    bool trans_a = node->iarg[0], trans_b = node->iarg[1];
    float s = node->farg[0];
    if (trans_a)
        grad_product(p, a, b, trans_b, dy, true, s);
    else
        grad_product(p, a, dy, false, b, !trans_b, s);
    if (trans_b)
        grad_product(p, b, dy, true, a, trans_a, s);
    else
        grad_product(p, b, a, !trans_a, dy, false, s);
}

struct tensor *op_matmul(struct pass *p, const struct tensor *a, bool trans_a,
                         const struct tensor *b, bool trans_b, float scale)
{
    if (!INPUTS(p, a, b))
        return NULL;
    int n = a->n_dims;
    if (n != b->n_dims || n < 2 || n > 3 || (n == 3 && a->dim[0] != b->dim[0]))
        return MISFIT(p, a, b, "both must be matrices, or equally many of them");
    if (a->dim[trans_a ? n - 2 : n - 1] != b->dim[trans_b ? n - 1 : n - 2])
        return MISFIT(p, a, b, "the dimension that is summed over must be the same");
    int64_t dim[3] = { a->dim[0] };
    dim[n - 2] = a->dim[trans_a ? n - 1 : n - 2];
    dim[n - 1] = b->dim[trans_b ? n - 2 : n - 1];
    struct tensor *y = pass_tensor(p, DTYPE_F32, n, dim);
    if (!y)
        return NULL;
    struct backend_gemm g = gemm_of(a, trans_a, b, trans_b, y);
    g.alpha = scale;
    product(p, &g);
    struct tape_node *node = RECORD(p, matmul_adjoint, y, a, b);
    if (node) {
        node->iarg[0] = trans_a;
        node->iarg[1] = trans_b;
        node->farg[0] = scale;
    }
    return op_result(p, y);
}
