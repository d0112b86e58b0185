#include "kernels/op_impl.h"

static void act_adjoint(struct pass *p, struct tape_node *node)
{
    struct tensor *dx = tape_grad(p, node->in[0]);
    if (dx)
        CALL(p, act_bwd, (enum backend_act)node->iarg[0], node->farg[0], node->in[0],
             node->out->grad, dx);
}

static struct tensor *activation(struct pass *p, enum backend_act act, float slope,
                                 const struct tensor *x)
{
    struct tensor *y = op_like(p, x);
    CALL(p, act, act, slope, x, y);
    struct tape_node *node = RECORD(p, act_adjoint, y, x);
    if (node) {
        node->iarg[0] = act;
        node->farg[0] = slope;
    }
    return op_result(p, y);
}

struct tensor *op_gelu(struct pass *p, const struct tensor *x)
{
    return INPUTS(p, x) ? activation(p, ACT_GELU, 0.0f, x) : NULL;
}

struct tensor *op_quick_gelu(struct pass *p, const struct tensor *x)
{
    return INPUTS(p, x) ? activation(p, ACT_QUICK_GELU, 0.0f, x) : NULL;
}

struct tensor *op_silu(struct pass *p, const struct tensor *x)
{
    return INPUTS(p, x) ? activation(p, ACT_SILU, 0.0f, x) : NULL;
}

struct tensor *op_relu(struct pass *p, const struct tensor *x)
{
    return INPUTS(p, x) ? activation(p, ACT_RELU, 0.0f, x) : NULL;
}

struct tensor *op_leaky_relu(struct pass *p, const struct tensor *x, float slope)
{
    return INPUTS(p, x) ? activation(p, ACT_LEAKY_RELU, slope, x) : NULL;
}

/* The same elements are dropped: dropout is its own adjoint. */
static void dropout_adjoint(struct pass *p, struct tape_node *node)
{
    bool fresh;
    struct tensor *dx = grad_target(p, node->in[0], &fresh);
    if (dx)
        CALL(p, dropout, node->out->grad, node->farg[0], (uint64_t)node->iarg[0],
             (uint64_t)node->iarg[1], !fresh, dx);
}

struct tensor *op_dropout(struct pass *p, const struct tensor *x, float rate)
{
    if (!INPUTS(p, x))
        return NULL;
    if (!(rate >= 0.0f && rate < 1.0f))
        return pass_fail(p, ERR_INTERNAL, "op_dropout: rate %g is outside 0 <= rate < 1", rate);
    if (!p->training || rate == 0.0f)
        return (struct tensor *)x;
    uint64_t stream = p->n_streams++;
    struct tensor *y = op_like(p, x);
    CALL(p, dropout, x, rate, p->seed, stream, false, y);
    struct tape_node *node = RECORD(p, dropout_adjoint, y, x);
    if (node) {
        node->iarg[0] = (int64_t)p->seed;
        node->iarg[1] = (int64_t)stream;
        node->farg[0] = rate;
    }
    return op_result(p, y);
}

static void add_noise_adjoint(struct pass *p, struct tape_node *node)
{
    grad_pass_on(p, node->in[0], node->out->grad);
}

struct tensor *op_add_noise(struct pass *p, const struct tensor *x, float sigma)
{
    if (!INPUTS(p, x))
        return NULL;
    uint64_t stream = p->n_streams++;
    struct tensor *y = op_like(p, x);
    CALL(p, add_noise, x, sigma, p->seed, stream, y);
    RECORD(p, add_noise_adjoint, y, x);
    return op_result(p, y);
}
