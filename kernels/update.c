#include "kernels/update.h"

#include "kernels/op_impl.h"

struct tensor *update_grad_norm(struct pass *p, struct tensor *const *grads, int n)
{
    struct tensor *sum = pass_tensor(p, DTYPE_U8, 1, (int64_t[]){ sizeof(double) });
    CALL(p, zero, sum->data, tensor_bytes(sum));
    for (int i = 0; i < n; i++)
        if (INPUTS(p, grads[i]))
            CALL(p, sum_squares, grads[i], sum);
    struct tensor *norm = pass_tensor(p, DTYPE_F32, 0, NULL);
    CALL(p, norm_of_sum, sum, norm);
    return op_result(p, norm);
}

struct tensor *update_clip_factor(struct pass *p, const struct tensor *norm, float max_norm)
{
    if (!INPUTS(p, norm))
        return NULL;
    struct tensor *factor = pass_tensor(p, DTYPE_F32, 0, NULL);
    CALL(p, clip_factor, norm, max_norm, factor);
    return op_result(p, factor);
}

void update_adamw(struct pass *p, struct tensor *w, const struct tensor *grad, struct tensor *m,
                  struct tensor *v, const struct adamw *h, const struct tensor *factor)
{
    if (!INPUTS(p, w, grad, m, v))
        return;
    if (!tensor_same_shape(w, grad))
        MISFIT(p, w, grad, "weight and gradient must have the same shape");
    if (!tensor_same_shape(w, m) || !tensor_same_shape(w, v))
        MISFIT(p, w, m, "weight and moments must have the same shape");
    CALL(p, adamw, w, grad, m, v, h, factor);
}

void update_ema(struct pass *p, struct tensor *average, const struct tensor *w, float decay)
{
    if (!INPUTS(p, average, w))
        return;
    if (!tensor_same_shape(average, w))
        MISFIT(p, average, w, "both must have the same shape");
    CALL(p, ema, average, w, decay);
}
