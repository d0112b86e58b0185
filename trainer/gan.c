#include "trainer/gan.h"

#include <math.h>

#include "kernels/update.h"
#include "trainer/workspace.h"

int gan_init(struct gan *g, const struct disc_config *c, const struct optim_settings *s,
             float weight, uint64_t seed, struct device *dev, struct err *e)
{
    *g = (struct gan){ .weight = weight };
    param_list_init(&g->params);
    if (disc_init(&g->disc, c, &g->params, e) || param_list_alloc(&g->params, dev, true, e) ||
        param_list_reset(&g->params, seed, e) || optim_init(&g->optim, s, &g->params, dev, e)) {
        gan_release(g);
        return err_prefix(e, "discriminator: ");
    }
    return 0;
}

void gan_release(struct gan *g)
{
    optim_release(&g->optim);
    param_list_release(&g->params);
}

/* A tensor with the same values at which a gradient stops, to be read there. */
static struct tensor *leaf(struct pass *p, const struct tensor *t)
{
    struct tensor *copy = op_detach(p, t);
    if (copy)
        copy->wants_grad = true;
    return copy;
}

/* |d L / d W| of the last convolution, from the gradient at its output. */
static float last_conv_norm(struct pass *p, const struct vqgan *vqgan,
                            const struct tensor *features, const struct tensor *grad)
{
    struct nn_conv last = vqgan_last_conv(vqgan);
    size_t from = tape_mark(p->tape);
    struct tensor *out = vqgan_decode_last(p, vqgan, op_detach(p, features));
    tape_add_grad(p, out, grad, 1);
    tape_backward(p, from, tape_mark(p->tape));
    struct tensor *dw = tape_grad(p, last.w);
    float norm = workspace_scalar(p, update_grad_norm(p, &dw, 1));
    tape_seed(p, last.w, 0);
    tape_seed(p, last.b, 0);
    return norm;
}

static struct tensor *generator_loss(struct gan *g, struct pass *p, const struct tensor *recon)
{
    /* the discriminator only passes the gradient on */
    param_list_want_grads(&g->params, false);
    size_t from = tape_mark(p->tape);
    struct tensor *loss = op_scale(p, op_mean(p, disc_forward(p, &g->disc, recon)), -1);
    tape_seed(p, loss, 1);
    tape_backward(p, from, tape_mark(p->tape));
    param_list_want_grads(&g->params, true);
    return loss;
}

void gan_push_generator(struct gan *g, struct pass *p, const struct vqgan *vqgan,
                        const struct tensor *features, struct tensor *recon)
{
    struct tensor *copy = leaf(p, recon);
    g->loss_g = workspace_scalar(p, generator_loss(g, p, copy));
    struct tensor *grad_gan = tape_grad(p, copy);
    float norm_rec = last_conv_norm(p, vqgan, features, tape_grad(p, recon));
    float norm_gan = last_conv_norm(p, vqgan, features, grad_gan);
    g->adaptive = fminf(norm_rec / (norm_gan + 1e-4f), 1e4f);
    tape_add_grad(p, recon, grad_gan, g->weight * g->adaptive);
}

void gan_step_discriminator(struct gan *g, struct pass *p, const struct tensor *real,
                            const struct tensor *recon, int64_t step, float rate)
{
    size_t from = tape_mark(p->tape);
    struct tensor *on_real = op_hinge(p, disc_forward(p, &g->disc, real), 1);
    struct tensor *on_fake = op_hinge(p, disc_forward(p, &g->disc, op_detach(p, recon)), -1);
    struct tensor *loss = op_scale(p, op_add(p, on_real, on_fake), 0.5f);
    tape_seed(p, loss, 1);
    tape_backward(p, from, tape_mark(p->tape));
    struct tensor *norm = optim_step(&g->optim, p, step, rate);
    g->norm_d = workspace_scalar(p, norm);
    g->loss_d = workspace_scalar(p, loss);
}
