#include "kernels/op_impl.h"

static void embedding_adjoint(struct pass *p, struct tape_node *node)
{
    struct tensor *dtable = tape_grad(p, node->in[0]);
    CALL(p, embedding_bwd, node->in[1], node->out->grad, dtable);
}

struct tensor *op_embedding(struct pass *p, const struct tensor *table, const struct tensor *ids)
{
    if (!INPUTS(p, table))
        return NULL;
    if (!ids)
        return pass_fail(p, ERR_INTERNAL, "op_embedding: input 2 is missing");
    if (table->n_dims != 2 || ids->dtype != DTYPE_I32 || ids->n_dims == TENSOR_DIMS_MAX)
        return MISFIT(p, table, ids, "must be a table f32 [N, D] and ids i32 [...]");
    struct tensor like = *ids;
    like.dim[like.n_dims++] = table->dim[1];
    struct tensor *y = op_like(p, &like);
    CALL(p, embedding, table, ids, y);
    RECORD(p, embedding_adjoint, y, table, ids);
    return op_result(p, y);
}
