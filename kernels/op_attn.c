#include "kernels/kv.h"
#include "kernels/op_impl.h"

/* `products` of T x T (half of it when causal) by D. */
static void count_flops(struct pass *p, const struct tensor *qkv, bool causal, int products)
{
    double t = (double)qkv->dim[1];
    p->flops += (causal ? 1.0 : 2.0) * products * t * (double)tensor_count(qkv) / 3;
}

static void attention_adjoint(struct pass *p, struct tape_node *node)
{
    const struct tensor *qkv = node->in[0];
    struct tensor *dqkv = tape_grad(p, qkv);
    if (dqkv) {
        CALL(p, attention_bwd, qkv, (int)node->iarg[0], node->iarg[1] != 0, node->out,
             node->saved[0], node->out->grad, dqkv);
        count_flops(p, qkv, node->iarg[1] != 0, 5);
    }
}

static struct tensor *attention_full(struct pass *p, const struct tensor *qkv, int heads,
                                     bool causal, struct tensor *y)
{
    struct tensor *lse = NULL;
    if (RECORDS(p, qkv))
        lse = pass_tensor(p, DTYPE_F32, 3, (int64_t[]){ qkv->dim[0], heads, qkv->dim[1] });
    CALL(p, attention, qkv, heads, causal, y, lse);
    count_flops(p, qkv, causal, 2);
    struct tape_node *node = RECORD(p, attention_adjoint, y, qkv);
    if (node) {
        node->iarg[0] = heads;
        node->iarg[1] = causal;
        node->saved[0] = lse;
    }
    return op_result(p, y);
}

static bool cache_fits(struct pass *p, const char *op, const struct tensor *qkv,
                       const struct kv *kv, int layer)
{
    int64_t B = qkv->dim[0], T = qkv->dim[1];
    if (RECORDS(p, qkv))
        return pass_fail(p, ERR_INTERNAL, "%s: a cache is for inference, without a tape", op);
    if (layer < 0 || layer >= kv->layers || B > kv->slots || T > kv->positions)
        return pass_fail(p, ERR_INTERNAL,
                         "%s: layer %d, %d rows, %d positions are outside the cache "
                         "(%d layers, %d slots, %d positions)",
                         op, layer, (int)B, (int)T, kv->layers, kv->slots, kv->positions);
    if (3 * (int64_t)kv->width != qkv->dim[2])
        return op_misfit(p, op, qkv, &kv->keys,
                         "qkv [B, T, 3D] and cache [..., D] must agree in D");
    if (!kv->slot || !kv->pos || !op_is(kv->slot, DTYPE_I32, 1, &B) ||
        !op_is(kv->pos, DTYPE_I32, 1, &B))
        return op_misfit(p, op, qkv, NULL, "the cache wants slot and pos i32 [B] for [B, T, 3D]");
    return true;
}

struct tensor *op_attention(struct pass *p, const struct tensor *qkv, int heads, bool causal,
                            struct kv *kv, int layer)
{
    if (!INPUTS(p, qkv))
        return NULL;
    if (qkv->n_dims != 3 || heads < 1 || qkv->dim[2] % (3 * (int64_t)heads))
        return MISFIT(p, qkv, NULL, "must be [B, T, 3D] with D a multiple of the heads");
    if (kv && !cache_fits(p, __func__, qkv, kv, layer))
        return NULL;
    int64_t dim[3] = { qkv->dim[0], qkv->dim[1], qkv->dim[2] / 3 };
    struct tensor *y = pass_tensor(p, DTYPE_F32, 3, dim);
    if (!kv)
        return attention_full(p, qkv, heads, causal, y);
    CALL(p, attention_cached, qkv, heads, kv, layer, y);
    return op_result(p, y);
}
