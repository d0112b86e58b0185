#include "kernels/op_impl.h"

static struct tensor *scalar(struct pass *p)
{
    return pass_tensor(p, DTYPE_F32, 0, NULL);
}

static void cross_entropy_adjoint(struct pass *p, struct tape_node *node)
{
    struct tensor *dlogits = tape_grad(p, node->in[0]);
    if (dlogits)
        CALL(p, cross_entropy_bwd, node->in[0], node->in[1], node->saved[0], node->out->grad,
             dlogits);
}

struct tensor *op_cross_entropy(struct pass *p, const struct tensor *logits,
                                const struct tensor *targets)
{
    if (!INPUTS(p, logits))
        return NULL;
    if (!targets)
        return pass_fail(p, ERR_INTERNAL, "op_cross_entropy: input 2 is missing");
    if (logits->n_dims != 2 || !op_is(targets, DTYPE_I32, 1, logits->dim))
        return MISFIT(p, logits, targets, "logits [N, V] and targets i32 [N] must agree in N");
    struct tensor *loss = scalar(p), *lse = pass_tensor(p, DTYPE_F32, 1, logits->dim);
    CALL(p, cross_entropy, logits, targets, loss, lse);
    struct tape_node *node = RECORD(p, cross_entropy_adjoint, loss, logits, targets);
    if (node)
        node->saved[0] = lse;
    return op_result(p, loss);
}

/* I32 0..n-1 */
static struct tensor *row_numbers(struct pass *p, int64_t n)
{
    int32_t *ids = arena_host(p->arena, (size_t)n * sizeof *ids, &p->err);
    if (!ids)
        return NULL;
    for (int32_t i = 0; i < n; i++)
        ids[i] = i;
    return pass_upload(p, DTYPE_I32, 1, &n, ids);
}

struct tensor *op_contrastive(struct pass *p, const struct tensor *logits)
{
    if (!INPUTS(p, logits))
        return NULL;
    if (logits->n_dims != 2 || logits->dim[0] != logits->dim[1])
        return MISFIT(p, logits, NULL, "must be square, [N, N]");
    struct tensor *own = row_numbers(p, logits->dim[0]);
    struct tensor *by_row = op_cross_entropy(p, logits, own);
    struct tensor *by_column = op_cross_entropy(p, op_permute(p, logits, (int[]){ 1, 0 }), own);
    return op_scale(p, op_add(p, by_row, by_column), 0.5f);
}

static void l1_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *a = node->in[0], *b = node->in[1];
    struct tensor *da = tape_grad(p, a), *db = tape_grad(p, b);
    CALL(p, l1_bwd, a, b, node->out->grad, da, db);
}

struct tensor *op_l1(struct pass *p, const struct tensor *a, const struct tensor *b)
{
    if (!INPUTS(p, a, b))
        return NULL;
    if (!tensor_same_shape(a, b))
        return MISFIT(p, a, b, "both must have the same shape");
    struct tensor *loss = scalar(p);
    CALL(p, l1, a, b, loss);
    RECORD(p, l1_adjoint, loss, a, b);
    return op_result(p, loss);
}

static void l2_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *a = node->in[0], *b = node->in[1];
    struct tensor *da = tape_grad(p, a), *db = tape_grad(p, b);
    CALL(p, l2_bwd, a, b, node->out->grad, da, db);
}

struct tensor *op_l2(struct pass *p, const struct tensor *a, const struct tensor *b)
{
    if (!INPUTS(p, a, b))
        return NULL;
    if (!tensor_same_shape(a, b))
        return MISFIT(p, a, b, "both must have the same shape");
    struct tensor *loss = scalar(p);
    CALL(p, l2, a, b, loss);
    RECORD(p, l2_adjoint, loss, a, b);
    return op_result(p, loss);
}

static void hinge_adjoint(struct pass *p, struct tape_node *node)
{
    struct tensor *dx = tape_grad(p, node->in[0]);
    if (dx)
        CALL(p, hinge_bwd, node->in[0], node->farg[0], node->out->grad, dx);
}

struct tensor *op_hinge(struct pass *p, const struct tensor *x, float sign)
{
    if (!INPUTS(p, x))
        return NULL;
    struct tensor *loss = scalar(p);
    CALL(p, hinge, x, sign, loss);
    struct tape_node *node = RECORD(p, hinge_adjoint, loss, x);
    if (node)
        node->farg[0] = sign;
    return op_result(p, loss);
}

static void mean_adjoint(struct pass *p, struct tape_node *node)
{
    struct tensor *dx = tape_grad(p, node->in[0]);
    if (dx)
        CALL(p, mean_bwd, node->out->grad, dx);
}

struct tensor *op_mean(struct pass *p, const struct tensor *x)
{
    if (!INPUTS(p, x))
        return NULL;
    struct tensor *loss = scalar(p);
    CALL(p, mean, x, loss);
    RECORD(p, mean_adjoint, loss, x);
    return op_result(p, loss);
}
