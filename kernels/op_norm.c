#include "kernels/op_impl.h"

static void layernorm_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *x = node->in[0], *g = node->in[1], *b = node->in[2];
    struct tensor *dx = tape_grad(p, x), *dg = tape_grad(p, g), *db = tape_grad(p, b);
    CALL(p, layernorm_bwd, x, g, node->saved[0], node->out->grad, dx, dg, db);
}

struct tensor *op_layernorm(struct pass *p, const struct tensor *x, const struct tensor *g,
                            const struct tensor *b, float eps)
{
    if (!INPUTS(p, x, g, b))
        return NULL;
    int64_t D = tensor_cols(x), rows = tensor_rows(x);
    if (x->n_dims < 1 || !op_is_vector(g, D) || !op_is_vector(b, D))
        return MISFIT(p, x, g, "x [..., D], gain [D] and bias [D] must agree in D");
    struct tensor *y = op_like(p, x), *stats = NULL;
    if (RECORDS(p, x, g, b))
        stats = pass_tensor(p, DTYPE_F32, 2, (int64_t[]){ rows, 2 });
    CALL(p, layernorm, x, g, b, eps, y, stats);
    struct tape_node *node = RECORD(p, layernorm_adjoint, y, x, g, b);
    if (node)
        node->saved[0] = stats;
    return op_result(p, y);
}

static void groupnorm_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *x = node->in[0], *g = node->in[1], *b = node->in[2];
    struct tensor *dx = tape_grad(p, x), *dg = tape_grad(p, g), *db = tape_grad(p, b);
    CALL(p, groupnorm_bwd, x, g, b, (int)node->iarg[0], node->iarg[1] != 0, node->saved[0],
         node->out->grad, dx, dg, db);
}

struct tensor *op_groupnorm(struct pass *p, const struct tensor *x, const struct tensor *g,
                            const struct tensor *b, int groups, float eps, bool silu)
{
    if (!INPUTS(p, x, g, b))
        return NULL;
    int64_t C = tensor_cols(x);
    if (x->n_dims != 4 || !op_is_vector(g, C) || !op_is_vector(b, C))
        return MISFIT(p, x, g, "x [B, H, W, C], gain [C] and bias [C] must agree in C");
    if (groups < 1 || C % groups)
        return pass_fail(p, ERR_INTERNAL, "op_groupnorm: %d channels are not %d equal groups",
                         (int)C, groups);
    struct tensor *y = op_like(p, x);
    struct tensor *stats = pass_tensor(p, DTYPE_F32, 3, (int64_t[]){ x->dim[0], groups, 2 });
    CALL(p, groupnorm, x, g, b, groups, eps, silu, y, stats);
    struct tape_node *node = RECORD(p, groupnorm_adjoint, y, x, g, b);
    if (node) {
        node->iarg[0] = groups;
        node->iarg[1] = silu;
        node->saved[0] = stats;
    }
    return op_result(p, y);
}

static void batchnorm_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *x = node->in[0], *g = node->in[1], *b = node->in[2];
    struct tensor *dx = tape_grad(p, x), *dg = tape_grad(p, g), *db = tape_grad(p, b);
    CALL(p, batchnorm_bwd, x, g, node->saved[0], node->iarg[0] != 0, node->out->grad, dx, dg, db);
}

struct tensor *op_batchnorm(struct pass *p, const struct tensor *x, const struct tensor *g,
                            const struct tensor *b, struct tensor *mean, struct tensor *var,
                            float momentum, float eps)
{
    if (!INPUTS(p, x, g, b, mean, var))
        return NULL;
    int64_t C = tensor_cols(x);
    if (x->n_dims != 4 || !op_is_vector(g, C) || !op_is_vector(b, C))
        return MISFIT(p, x, g, "x [B, H, W, C], gain [C] and bias [C] must agree in C");
    if (!op_is_vector(mean, C) || !op_is_vector(var, C))
        return MISFIT(p, x, mean, "x [B, H, W, C], mean [C] and variance [C] must agree in C");
    struct tensor *y = op_like(p, x);
    struct tensor *stats = pass_tensor(p, DTYPE_F32, 2, (int64_t[]){ 2, C });
    CALL(p, batchnorm, x, g, b, mean, var, momentum, eps, p->training, y, stats);
    struct tape_node *node = RECORD(p, batchnorm_adjoint, y, x, g, b);
    if (node) {
        node->iarg[0] = p->training;
        node->saved[0] = stats;
    }
    return op_result(p, y);
}

static void l2norm_adjoint(struct pass *p, struct tape_node *node)
{
    struct tensor *dx = tape_grad(p, node->in[0]);
    if (dx)
        CALL(p, l2norm_bwd, node->out, node->saved[0], node->farg[0], node->out->grad, dx);
}

struct tensor *op_l2norm(struct pass *p, const struct tensor *x, float eps)
{
    if (!INPUTS(p, x))
        return NULL;
    struct tensor *y = op_like(p, x);
    struct tensor *norms = pass_tensor(p, DTYPE_F32, 1, (int64_t[]){ tensor_rows(x) });
    CALL(p, l2norm, x, eps, y, norms);
    struct tape_node *node = RECORD(p, l2norm_adjoint, y, x);
    if (node) {
        node->farg[0] = eps;
        node->saved[0] = norms;
    }
    return op_result(p, y);
}

static void softmax_adjoint(struct pass *p, struct tape_node *node)
{
    struct tensor *dx = tape_grad(p, node->in[0]);
    if (dx)
        CALL(p, softmax_bwd, node->out, node->out->grad, dx);
}

struct tensor *op_softmax(struct pass *p, const struct tensor *x)
{
    if (!INPUTS(p, x))
        return NULL;
    struct tensor *y = op_like(p, x);
    CALL(p, softmax, x, y);
    RECORD(p, softmax_adjoint, y, x);
    return op_result(p, y);
}
