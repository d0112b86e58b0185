/*
 * Optimiser arithmetic on the device. Loshchilov & Hutter, "Decoupled Weight Decay Regularization"
 * (AdamW, as torch.optim.AdamW): w -= lr * decay * w; m, v moving averages; w -= lr * m^ /
 * (sqrt(v^) + eps) with bias correction. decay 0 is Adam.
 */
#ifndef KERNELS_UPDATE_H
#define KERNELS_UPDATE_H

#include "kernels/pass.h"
#include "kernels/tensor.h"

struct adamw {
    float lr, beta1, beta2, eps, decay;
    int64_t step; /* 1 for the first */
};

/* L2 norm over all n gradients -> F32 scalar. Sums in double, in a fixed order. */
struct tensor *update_grad_norm(struct pass *p, struct tensor *const *grads, int n);
/* min(1, max_norm / (norm + 1e-6)) as torch.nn.utils.clip_grad_norm_ -> F32 scalar. */
struct tensor *update_clip_factor(struct pass *p, const struct tensor *norm, float max_norm);
/* One tensor; m and v have w's shape. factor?: scalar that multiplies the gradient first (NULL: 1).
 */
void update_adamw(struct pass *p, struct tensor *w, const struct tensor *grad, struct tensor *m,
                  struct tensor *v, const struct adamw *h, const struct tensor *factor);
/* average = decay average + (1 - decay) w: weight EMA. */
void update_ema(struct pass *p, struct tensor *average, const struct tensor *w, float decay);

#endif
