#include "kernels/op_impl.h"

struct tensor *op_nearest_code(struct pass *p, const struct tensor *z,
                               const struct tensor *codebook)
{
    if (!INPUTS(p, z, codebook))
        return NULL;
    if (z->n_dims != 2 || codebook->n_dims != 2 || z->dim[1] != codebook->dim[1])
        return MISFIT(p, z, codebook, "z [N, D] and codebook [K, D] must agree in D");
    struct tensor *ids = pass_tensor(p, DTYPE_I32, 1, z->dim);
    CALL(p, nearest_code, z, codebook, ids);
    p->flops += 2.0 * (double)z->dim[0] * (double)tensor_count(codebook);
    return op_result(p, ids);
}

static void straight_through_adjoint(struct pass *p, struct tape_node *node)
{
    grad_pass_on(p, node->in[0], node->out->grad);
}

struct tensor *op_straight_through(struct pass *p, const struct tensor *z, const struct tensor *q)
{
    if (!INPUTS(p, z, q))
        return NULL;
    if (!tensor_same_shape(z, q))
        return MISFIT(p, z, q, "both must have the same shape");
    struct tensor *y = op_view(p, q, q->n_dims, q->dim);
    RECORD(p, straight_through_adjoint, y, z);
    return op_result(p, y);
}
